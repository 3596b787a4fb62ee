// The device batch sizes that a stage's own rules allow.
#pragma once

#include <cstdint>
#include <vector>

#include "forecast/job.h"

namespace vramcast::forecast {

// Ascending. Empty if the rules allow none: the total batch size is not a multiple of one row on
// every rank.
std::vector<int64_t> AllowedBatchSizes(const Job& job);

}  // namespace vramcast::forecast
