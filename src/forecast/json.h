// Forecasts and fits as JSON; names that other programs rely on are in docs/json.md.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "forecast/code_remedies.h"
#include "forecast/fit.h"
#include "forecast/forecast.h"

namespace vramcast::forecast {

nlohmann::json ToJson(const Forecast& forecast);
// Without "command", which the caller knows how to write.
nlohmann::json ToJson(const Fit& fit);
nlohmann::json ToJson(const std::vector<CodeRemedy>& remedies);

}  // namespace vramcast::forecast
