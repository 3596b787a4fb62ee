// A model's training, step by step, as a Trace.
#pragma once

#include "models/config.h"
#include "models/context.h"
#include "models/options.h"
#include "trace/trace.h"

namespace vramcast::models {

struct Program {
  Trace trace;
  int64_t parameters = 0;
  int64_t trainable = 0;
};

// Three steps, or one for each length of the options: after the second nothing new appears.
Program WriteProgram(const ModelConfig& config, const TrainingOptions& options,
                     const Machine& machine);

}  // namespace vramcast::models
