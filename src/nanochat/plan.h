// What a stage runs, in order: the phases whose memory a forecast has to account for, as the
// script of that revision runs them.
#pragma once

#include <cstdint>
#include <vector>

#include "nanochat/run_config.h"

namespace vramcast::nanochat {

enum class Action : uint8_t {
  kBuildModel,      // to_empty on the device, init_weights
  kLoadCheckpoint,  // weights read onto the device beside those just made, then put in their place
  kLoadOptimizer,   // optimizer state read onto the device and copied into the optimizer
  kEvaluateLoss,    // evaluate_bpb, or the validation loss of padded SFT
  kCoreMetric,      // CORE, its own shapes
  kChatLogits,      // multiple-choice problems: logits of a padded batch
  kChatGenerate,    // problems answered by generation
  kSample,          // a few prompts continued
  kRollout,         // RL: completions of one question
  kTrainStep,       // grad_accum_steps micro-steps and the optimizer
  kSave,            // save_checkpoint
};

struct PlannedAction {
  static constexpr int64_t kLastStep = -1;

  Action action = Action::kTrainStep;
  int64_t step = 0;       // of the training loop; kLastStep where the number of steps is not known
  bool compiled = false;  // through torch.compile
  bool master_only = false;  // only rank 0 does it
  int64_t rows = 0;          // sequences at once
  int64_t tokens = 0;        // new tokens generated for each row, where it generates
};

// The shortest list that shows every kind of phase in the order of its first occurrence: what
// happens once is listed once, the training step twice (the first differs), periodic phases at the
// first step where they happen, and what the last step does at the end.
std::vector<PlannedAction> PlanOf(const RunConfig& config);

}  // namespace vramcast::nanochat
