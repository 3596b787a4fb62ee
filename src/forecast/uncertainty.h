// How far the truth may lie from a forecast of allocated memory, reason by reason.
#pragma once

#include <vector>

#include "allocator/play.h"
#include "forecast/forecast.h"
#include "forecast/job.h"

namespace vramcast::forecast {

std::vector<Uncertainty> Uncertainties(const Job& job, const Request& request, const Trace& trace,
                                       const Run& run);

}  // namespace vramcast::forecast
