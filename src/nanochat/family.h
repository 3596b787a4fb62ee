// A family of nanochat revisions: everything about the code that decides how much memory a run
// takes, as data. families.cc lists them in order; a new one states only what changed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace vramcast::nanochat {

// Which layers carry a value embedding of padded_vocab x kv_dim (gpt.py, has_ve).
enum class ValueEmbeddings : uint8_t {
  kNone,
  kAlternating,  // layers of the same parity as the last one
};

// Where activations get their dtype.
enum class Precision : uint8_t {
  kAutocast,      // torch.amp.autocast(bf16): Linear weights are cast op by op, norm outputs kept
  kComputeDtype,  // COMPUTE_DTYPE: Linear casts its fp32 weight to the dtype of its input
};

// Who does the attention in training.
enum class AttentionRule : uint8_t {
  kSdpa,         // F.scaled_dot_product_attention only
  kFa3Always,    // Flash Attention 3 imported without fall-back
  kFa3OrSdpa,    // FA3 on compute capability >= 9.0 (any), SDPA else
  kFa3Sm90Only,  // FA3 on 9.x only; Blackwell takes SDPA
  kFa3Sm80To90,  // FA3 on 9.0, a community build of it on 8.x; Blackwell takes SDPA
};

// How parameters are updated when there are several ranks, or one without a process group.
enum class OptimizerStyle : uint8_t {
  kMuonAndAdamW,  // two optimizers; Muon one tensor at a time, DistMuon by lists of world_size
  kStackedMuon,   // two optimizers; Muon on stacks of equal shapes, DistMuon on padded stacks
  kMuonAdamW,     // one MuonAdamW / DistMuonAdamW
  kSingleClass,   // one MuonAdamW for any number of ranks, no communication on one
};

enum class Fp8 : uint8_t {
  kNone,
  kTorchao,         // torchao.float8 convert_to_float8_training
  kOwnSavesInputs,  // nanochat/fp8.py, saves the full-precision inputs for backward
  kOwn,             // nanochat/fp8.py, saves the fp8 tensors for backward
};

// How total_batch_size -1 is computed in base_train.
enum class AutoBatch : uint8_t {
  kNone,      // -1 is not understood
  kPowerLaw,  // 2^19 * (D / D_d12)^0.383, rounded to a power of two
};

// How model_dim and the number of heads follow from depth, aspect ratio and head_dim.
enum class HeadRule : uint8_t {
  kCeil128,         // model_dim = depth * 64; heads = ceil(model_dim / 128)
  kNearestDivisor,  // model_dim = depth * aspect; heads = the divisor of it nearest to dim/head_dim
  kRoundUpDim,  // model_dim = depth * aspect rounded up to head_dim; heads = model_dim / head_dim
};

struct Family {
  std::string_view name;          // short and stable, "oct2025", "jan2026-fa3"…
  std::string_view first_commit;  // 7 hex digits or more; commits after it belong to the family
  std::string_view change;        // what it brings that memory or flags feel, one sentence
  uint16_t index = 0;             // place in Families()

  // Architecture.
  bool flags_with_dashes = false;  // argparse; before it the configurator, --depth=20 only
  HeadRule head_rule = HeadRule::kCeil128;
  int32_t pad_vocab_to = 1;
  ValueEmbeddings value_embeddings = ValueEmbeddings::kNone;
  int32_t ve_gate_channels = 0;      // in_features of ve_gate, a Linear to n_kv_head; 0: no gate
  bool resid_lambdas = false;        // resid_lambdas and x0_lambdas, n_layer floats each
  bool smear_backout = false;        // smear_gate (24 to 1), smear_lambda, backout_lambda
  bool windows = false;              // the window pattern exists
  int32_t short_window_divisor = 2;  // of sequence_len, for "S"
  double softcap = 15;

  // Numbers.
  Precision precision = Precision::kAutocast;
  bool value_embeds_cast = false;  // value embeddings are kept in the compute dtype
  AttentionRule attention = AttentionRule::kSdpa;
  Fp8 fp8 = Fp8::kNone;
  OptimizerStyle optimizer = OptimizerStyle::kMuonAndAdamW;

  // Training.
  AutoBatch auto_batch = AutoBatch::kNone;
  bool grad_clip = true;  // clip_grad_norm_ with grad_clip 1.0 before each step
  bool can_resume = false;
  bool mid_stage = true;  // scripts/mid_train.py exists
};

// All families, oldest first.
std::span<const Family> Families();

}  // namespace vramcast::nanochat
