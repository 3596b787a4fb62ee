// The part of the full-screen view that lists the processes which hold memory.
#pragma once

#include <vector>

#include "cli/screen_grid.h"
#include "monitor/watcher.h"

namespace vramcast::cli {

// Draws from `row` on, not beyond `last` (excluded); returns the next free row.
int DrawProcesses(const std::vector<const monitor::GpuReport*>& gpus, const monitor::Report& report,
                  int row, int last, ScreenGrid* grid);

}  // namespace vramcast::cli
