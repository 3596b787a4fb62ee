// The stack that belongs to a message: Python's tracebacks in all their dresses (plain, notebook,
// pytest, TorchScript), Lua's and C++'s.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "crashlog/event.h"
#include "crashlog/passage.h"

namespace vramcast::crashlog {

// The frames of the message on line `message` of `lines`, outermost first: those of the traceback
// before it, or those after it if there is none before. Lines of other ranks are not looked at.
// At most the innermost 48.
std::vector<Frame> ReadFrames(std::span<const CleanLine> lines, size_t message,
                              std::optional<int64_t> rank);

}  // namespace vramcast::crashlog
