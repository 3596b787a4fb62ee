// Reads the settings that a run prints about itself: nanochat's in all its revisions, and those
// that every program prints alike (the GPU, PyTorch's version, the allocator's settings).
#pragma once

#include <string>

#include "crashlog/report.h"

namespace vramcast::crashlog {

// Adds what `line` says. `frozen`: fills only what is not known yet.
void ReadSettings(const std::string& line, bool frozen, LogReport& report);

}  // namespace vramcast::crashlog
