// What a stage runs, in order: the phases whose memory a forecast has to account for, as the
// script of that revision runs them.
#pragma once

#include <cstdint>
#include <vector>

#include "nanochat/run_config.h"

namespace vramcast::nanochat {

enum class Action : uint8_t {
  kBuildModel,      // to_empty on the device, init_weights
  kLoadCheckpoint,  // weights read from a checkpoint (later stages, and resume)
  kLoadOptimizer,   // optimizer state read from a checkpoint
  kEvaluateLoss,    // evaluate_bpb or the SFT validation loss
  kCoreMetric,      // CORE, uncompiled, its own shapes
  kChatMetric,      // ChatCORE or pass@k: categorical logits or generation
  kSample,          // engine.generate_batch of a few prompts
  kRollout,         // RL: generate num_samples completions
  kTrainStep,       // grad_accum_steps micro-steps and the optimizer
  kSave,            // save_checkpoint
};

struct PlannedAction {
  Action action = Action::kTrainStep;
  int64_t step = 0;          // of the training loop; at `step` before its training step
  bool compiled = true;      // through torch.compile
  bool master_only = false;  // only rank 0 does it
  int64_t rows = 0;          // of the batch, where the script fixes it (0: device_batch_size)
  int64_t tokens = 0;        // new tokens generated, where it generates
};

// The shortest list that shows every kind of phase in its order of first occurrence: what is done
// once is listed once, the training step twice (the first differs), periodic phases at the first
// step where they happen, and again at the last step if that differs.
std::vector<PlannedAction> PlanOf(const RunConfig& config);

}  // namespace vramcast::nanochat
