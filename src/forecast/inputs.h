// The values that decided a forecast and where each came from, for people and for JSON.
#pragma once

#include <vector>

#include "forecast/forecast.h"
#include "forecast/job.h"

namespace vramcast::forecast {

std::vector<Input> InputsOf(const Job& job, const Request& request);

}  // namespace vramcast::forecast
