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
  kAutocast,      // torch.amp.autocast: the product casts weights, fp32 weights keep bf16 copies
  kComputeDtype,  // COMPUTE_DTYPE: Linear casts its fp32 weight to the dtype of its input
};

// Who does the attention in training.
enum class AttentionRule : uint8_t {
  kSdpa,        // F.scaled_dot_product_attention only
  kFa3Always,   // Flash Attention 3, no fall-back: dies before Hopper
  kFa3From90,   // FA3 on compute capability 9.0 and above (Blackwell too), SDPA before
  kFa3Only90,   // FA3 on 9.x only
  kFa3OrOther,  // FA3 on 9.x; elsewhere another build of it where the hub has one, else SDPA
};

// How the matrices of the blocks are updated.
enum class MuonStyle : uint8_t {
  kOneByOne,  // one tensor at a time; DistMuon by lists of world_size tensors, zero_buffer pads
  kStacked,   // torch.stack of equal shapes; DistMuon on stacks padded to world_size
};

// How everything else is updated on several ranks.
enum class AdamStyle : uint8_t {
  kCompiledStep,  // DistAdamW, the whole step compiled; torch's fused AdamW on one process
  kEagerStep,     // DistAdamW, operation by operation; torch's fused AdamW on one process
  kFusedKernel,   // DistAdamW, one compiled kernel a tensor; torch's fused AdamW on one process
  kMuonAdamW,     // one compiled kernel a tensor in MuonAdamW and DistMuonAdamW alike
};

enum class Fp8 : uint8_t {
  kNone,
  kTorchao,         // torchao.float8, recipes tensorwise and rowwise
  kOwnSavesInputs,  // nanochat/fp8.py, tensorwise only, saves unquantised inputs for backward
  kOwn,             // nanochat/fp8.py, tensorwise only, saves fp8 inputs and weights for backward
};

// How total_batch_size -1 is computed in base_train.
enum class AutoBatch : uint8_t {
  kNone,      // -1 is not understood
  kPowerLaw,  // 2^19 * (D / D_d12)^0.383, rounded to a power of two
};

// How model_dim and the number of heads follow from depth, aspect ratio and head_dim.
enum class HeadRule : uint8_t {
  kCeil128,         // model_dim = depth * 64; heads = ceil(model_dim / 128)
  kNearestDivisor,  // model_dim = depth * aspect; heads = its divisor nearest to dim / head_dim
  kRoundUpDim,      // model_dim = depth * aspect rounded up to head_dim; heads = dim / head_dim
};

enum class SftStyle : uint8_t {
  kPadded,    // uncompiled, rows padded to the longest conversation, target_examples_per_step
  kPacked,    // compiled, rows of max_seq_len, as midtraining was
  kInherits,  // the same, batch sizes and length taken from the base checkpoint; ChatCORE in it
};

// What speedrun.sh trains the tokenizer on.
enum class TokenizerText : uint8_t { kFineWeb, kClimbMix };

struct Family {
  std::string_view name;          // short and stable: "oct2025", "jan2026-fa3"
  std::string_view first_commit;  // 7 hex digits or more; the commits after it belong to the family
  std::string_view change;        // what it brings that memory or flags feel, in one sentence
  uint16_t index = 0;             // place in Families()

  // Architecture (gpt.py).
  HeadRule head_rule = HeadRule::kCeil128;
  int32_t pad_vocab_to = 1;
  ValueEmbeddings value_embeddings = ValueEmbeddings::kNone;
  int32_t ve_gate_channels = 0;  // in_features of ve_gate, a Linear to n_kv_head
  int32_t bigram_multiple = 0;   // rows of bigram_embed in vocabularies (unpadded); 0: none
  bool lambdas = false;          // resid_lambdas and x0_lambdas, n_layer floats each
  bool smear_backout = false;    // smear_gate (24 to 1), smear_lambda, backout_lambda
  bool windows = false;          // window_pattern exists; before it every layer sees all
  // A short window is sequence_len / divisor, rounded up to the multiple.
  int32_t short_window_divisor = 2, short_window_multiple = 1;
  double softcap = 15;
  bool softcap_in_fp32 = false;  // logits become fp32 before the soft cap, not after it

  // Numbers.
  Precision precision = Precision::kAutocast;
  bool cast_after_init = false;  // embeddings are made in fp32 on the device and cast then
  AttentionRule attention = AttentionRule::kSdpa;
  Fp8 fp8 = Fp8::kNone;
  int32_t fp8_min_dim = 0;          // smaller Linears are left alone
  bool fp8_eval_allocates = false;  // evaluation makes an unused weight for each fp8 Linear

  // Optimizer.
  MuonStyle muon = MuonStyle::kOneByOne;
  AdamStyle adam = AdamStyle::kCompiledStep;
  bool small_all_reduced = false;   // tensors below 1024 elements are not sharded
  bool second_momentum = false;     // Muon keeps one value a row or column as well
  bool muon_follows_dtype = false;  // Muon iterates in COMPUTE_DTYPE if that is fp32, else in bf16
  bool muon_equalizes = false;      // MuonEq and Muon+: more temporaries in the kernel
  bool single_class = false;        // one class for any number of ranks, no communication on one

  // Training (base_train.py).
  AutoBatch auto_batch = AutoBatch::kNone;
  // The horizon is a multiple of the blocks' matrices and lm_head; before, of all parameters.
  bool horizon_by_matrices = false;
  bool grad_clip = true;  // clip_grad_norm_ at 1.0 before each step
  bool can_resume = false;
  bool all_ranks_save = false;        // before: rank 0 alone, one optim_STEP.pt with its shard
  bool minus_one_skips_core = false;  // before: a negative core_metric_every means every step
  bool minus_one_skips_eval = false;  // the same for eval_every and sample_every
  bool samples_compiled = true;       // sampling during training went through torch.compile
  bool collects_once = false;         // gc.collect, freeze and disable after the first step
  int32_t input_id_bytes = 4;         // of a token id in base training's inputs; targets have 8
  bool loader_keeps_buffer = false;   // one device buffer for inputs and targets all along

  // Other stages.
  bool mid_stage = true;         // scripts/mid_train.py
  bool base_loss_script = true;  // scripts/base_loss.py; later base_eval does it
  SftStyle sft = SftStyle::kPadded;
  bool kv_preallocated = false;   // cache zeroed at its full length, (layers, B, T, H, D), K and V
  bool kv_follows_dtype = false;  // cache in COMPUTE_DTYPE; before: bf16 on CUDA

  int32_t speedrun_vocab = 65536;  // of the tokenizer that speedrun.sh trains
  TokenizerText speedrun_text = TokenizerText::kFineWeb;

  void Begin(std::string_view new_name, std::string_view commit, std::string_view what);
};

// All families, oldest first.
std::span<const Family> Families();

// The family that `name` names ("jan2026-fa3"), or null.
const Family* FamilyByName(std::string_view name);

}  // namespace vramcast::nanochat
