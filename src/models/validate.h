// Whether a model and its training can be at all, before a trace is written of them.
#pragma once

#include "base/result.h"
#include "models/config.h"
#include "models/options.h"

namespace vramcast::models {

// Usage error with the reason otherwise.
Status Validate(const ModelConfig& config, const TrainingOptions& options);

}  // namespace vramcast::models
