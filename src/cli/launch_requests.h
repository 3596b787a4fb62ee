// A launch command or script as forecasts to make: one request for each launch that uses a GPU. A
// later stage takes from the base training before it what it reads from its checkpoint.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/nanochat_options.h"
#include "command/launch.h"
#include "forecast/forecast.h"

namespace vramcast::cli {

struct LaunchRequest {
  size_t line = 1;
  std::string program;  // "scripts.base_train"
  forecast::Request request;
  std::vector<std::string> notes;
};

// `base` holds what does not come from the command: card, revision, others on the card. Usage error
// if nothing in `argv` starts nanochat; unreadable if it names a script that cannot be read.
Result<std::vector<LaunchRequest>> RequestsOf(const std::vector<std::string>& argv,
                                              const NanochatOptions& options,
                                              const forecast::Request& base);

// The same of a command or script that was already read.
Result<std::vector<LaunchRequest>> RequestsOf(const command::LaunchScript& script,
                                              const NanochatOptions& options,
                                              const forecast::Request& base);

}  // namespace vramcast::cli
