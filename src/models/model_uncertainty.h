// How far the truth may lie from a model's forecast, and why.
#pragma once

#include <optional>
#include <vector>

#include "allocator/play.h"
#include "forecast/forecast.h"
#include "models/model_forecast.h"

namespace vramcast::models {

// `without_mask`: the peak of the same run whose batches need no mask.
std::vector<forecast::Uncertainty> Uncertainties(const ModelRequest& request, const Run& run,
                                                 std::optional<Bytes> without_mask);

}  // namespace vramcast::models
