// The part of the full-screen view that shows which phases a run has ahead of it.
#pragma once

#include <vector>

#include "cli/screen_grid.h"
#include "monitor/watcher.h"

namespace vramcast::cli {

// Draws from `row` on, not beyond `last` (excluded); returns the next free row.
int DrawAhead(const std::vector<const monitor::GpuReport*>& gpus, const monitor::Report& report,
              int row, int last, ScreenGrid* grid);

// Each kind of phase once: of several GPUs the one where it fits least.
struct AheadOnGpu {
  const monitor::GpuReport* gpu = nullptr;
  monitor::UpcomingPhase phase;
};
std::vector<AheadOnGpu> WorstAhead(const std::vector<const monitor::GpuReport*>& gpus);

}  // namespace vramcast::cli
