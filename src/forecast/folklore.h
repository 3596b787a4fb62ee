// The rules of thumb that people use instead of a forecast, beside what the forecast says. They are
// shown by --explain and in docs/oom.md, so that a reader sees where a wrong number came from.
#pragma once

#include <vector>

#include "forecast/forecast.h"
#include "nanochat/run_config.h"

namespace vramcast::forecast {

// Every common rule, applied to the configuration of `forecast`: d is the depth, a the aspect
// ratio, B the device batch size, T the sequence length, C the model dimension, L the layers, P the
// parameters by the rule before. The last entry is their sum against the peak of the device.
std::vector<RuleOfThumb> RulesOfThumb(const Forecast& forecast, const nanochat::RunConfig& config);

}  // namespace vramcast::forecast
