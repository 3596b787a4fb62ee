// Logs of the user's own runs → what they show of the remainder that forecasts cannot know. What a
// log lacks for that is said, log by log.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "forecast/calibration.h"
#include "forecast/forecast.h"

namespace vramcast::cli {

struct LogUse {
  std::string file;
  std::vector<forecast::Observation> seen;
  std::vector<std::string> unused;  // why something, or all, of it shows nothing
};

// `base` fills what the log does not say: flags, card, revision. `command`: the launch command of
// the run, where the log does not show it. Unreadable error if the file cannot be read.
Result<LogUse> ReadCalibrationLog(const std::string& file, const forecast::Request& base,
                                  const std::vector<std::string>& command);

}  // namespace vramcast::cli
