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

// How a step of a length that was seen before is written.
enum class Rounds : uint8_t {
  kRepeated,  // as a copy of the first of that length: the same, and quicker
  kWritten,   // operation by operation; for tests
};

// Three steps, or one for each length of the options: after the second nothing new appears.
Program WriteProgram(const ModelConfig& config, const TrainingOptions& options,
                     const Machine& machine, Rounds rounds = Rounds::kRepeated);

}  // namespace vramcast::models
