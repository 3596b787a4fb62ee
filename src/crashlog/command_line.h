// Finds the launch commands that shells and scripts leave in a log.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vramcast::crashlog {

// The command that `line` shows, without prompt: environment assignments, a launcher, a script or
// module. Nothing if it shows none. May end in a back-slash: then the next line goes on with it.
std::optional<std::string> CommandOf(std::string_view line);

}  // namespace vramcast::crashlog
