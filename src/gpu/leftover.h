// Processes that hold GPU memory but do no work: what an earlier run left behind.
#pragma once

#include <optional>
#include <string>

#include "gpu/host.h"
#include "gpu/machine.h"

namespace vramcast::gpu {

// Judges a process that /proc shows. `utilisation` is its GPU's, in percent, if known: on a busy
// GPU an orphan is taken to be at work.
std::optional<Leftover> JudgeLeftover(const ProcessFacts& facts, std::optional<int> utilisation);

// The command that ends it or frees its memory.
std::string EndCommand(const GpuProcess& process, int gpu_index);

// One sentence: why it looks left over.
std::string LeftoverReason(Leftover leftover);

}  // namespace vramcast::gpu
