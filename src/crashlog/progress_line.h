// Reads step counters, whoever prints them.
#pragma once

#include <optional>
#include <string>

#include "crashlog/report.h"

namespace vramcast::crashlog {

// How far the run has come by this line (place not set); nothing if it does not say.
std::optional<Progress> ProgressOf(const std::string& line);

}  // namespace vramcast::crashlog
