// What to do about a cause, as something that can be pasted, and what it is forecast to achieve.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "forecast/forecast.h"

namespace vramcast::diagnosis {

struct Remedy {
  std::string action;   // one sentence without a full stop: what it does and why
  std::string command;  // to paste; empty where the action is not a command
  std::optional<forecast::Forecast> forecast;  // of the changed command
};

}  // namespace vramcast::diagnosis
