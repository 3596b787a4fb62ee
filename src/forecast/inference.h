// Passes without gradients: compiled evaluation of the loss, and eager passes on shapes of their
// own (CORE, sampling, chat evaluation).
#pragma once

#include <cstdint>
#include <vector>

#include "forecast/graph.h"
#include "forecast/job.h"
#include "forecast/writer.h"

namespace vramcast::forecast {

// evaluate_bpb through torch.compile: rows of max_seq_len, loss by token.
void CompiledEvaluation(const Job& job, Workspaces* workspaces, Writer* writer);

// What eager code keeps of the weights: under autocast every Linear's bf16 copy stays in the cast
// cache until the context ends (autocast_mode.cpp, cached_cast), else nothing. To be freed by the
// caller.
std::vector<AllocationId> EagerWeights(const Job& job, Writer* writer);

// An eager pass over rows x tokens that returns logits for every position, and the loss and argmax
// that CORE takes from them if `with_loss`.
struct EagerPass {
  int64_t rows = 1;
  int64_t tokens = 1;
  bool with_loss = false;
  bool only_logits = false;  // leaves the layers out, whose tensors are small beside the logits
};
void EagerForward(const Job& job, const EagerPass& pass, Workspaces* workspaces, Writer* writer);

// KV caches of engine.generate: one for the prompt, one for `rows` samples.
void Generate(const Job& job, int64_t prompt, int64_t new_tokens, int64_t rows,
              Workspaces* workspaces, Writer* writer);

}  // namespace vramcast::forecast
