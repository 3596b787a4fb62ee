// `vramcast forecast --calibrate LOG…`: reads what the user's own runs printed, keeps it, and says
// what it changes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/verb.h"
#include "forecast/forecast.h"

namespace vramcast::cli {

struct CalibrateRequest {
  std::vector<std::string> logs;
  bool forget = false;               // what is kept is let go first
  forecast::Request base;            // what logs leave open
  std::vector<std::string> command;  // of the runs
  bool json = false;
};

// kBadNews if no log shows anything; without logs it lists what is kept. Unreadable error if a log
// cannot be read (those before it are kept).
Result<Exit> RunCalibrate(const CalibrateRequest& request, Output& output);

}  // namespace vramcast::cli
