// Reads the memory that programs print about themselves while they run.
#pragma once

#include <optional>
#include <string>

#include "crashlog/report.h"

namespace vramcast::crashlog {

// The amount that the line names (place and step not set); nothing if it names none, or if it is an
// out-of-memory message.
std::optional<MemorySample> MemoryOfLine(const std::string& line);

}  // namespace vramcast::crashlog
