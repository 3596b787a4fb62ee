// What would make a run fit where no device batch size does: each way with its forecast.
#pragma once

#include <vector>

#include "forecast/fit.h"

namespace vramcast::forecast {

// `smallest` is the request at its smallest device batch size, which does not fit.
std::vector<Alternative> AlternativesTo(const Request& smallest);

}  // namespace vramcast::forecast
