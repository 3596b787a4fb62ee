// From what a person asked to what the trace writers work on.
#pragma once

#include "base/result.h"
#include "forecast/forecast.h"
#include "forecast/job.h"

namespace vramcast::forecast {

// Usage errors as Make's.
Result<Job> ResolveJob(const Request& request);

}  // namespace vramcast::forecast
