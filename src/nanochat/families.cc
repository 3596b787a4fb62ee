#include <vector>

#include "nanochat/family.h"

namespace vramcast::nanochat {
namespace {

// Each entry states what its first commit changed; the rest is as before it. All commits are on
// master's first-parent line, in its order.
std::vector<Family> Describe() {
  std::vector<Family> all;
  Family f;
  const auto add = [&] {
    f.index = static_cast<uint16_t>(all.size());
    all.push_back(f);
  };

  f.Begin("oct2025", "3a5e0bc", "the first release");
  add();

  f.Begin("oct2025-sampling", "2bc521a", "samples from the uncompiled model during training");
  f.samples_compiled = false;
  add();

  f.Begin("oct2025-devices", "33e8a27",
          "casts the embedding after its initialisation, so that it exists in fp32 for a moment; "
          "--core_metric_every=-1 disables CORE");
  f.cast_after_init = true;
  f.minus_one_skips_core = true;
  add();

  f.Begin("nov2025-resume", "c6abcdf",
          "resumes base training; every rank saves its own optimizer shard; token ids in int64");
  f.can_resume = true;
  f.all_ranks_save = true;
  f.input_id_bytes = 8;
  add();

  f.Begin("dec2025-softcap", "cbf30c8", "the soft cap of the logits runs in fp32");
  f.softcap_in_fp32 = true;
  add();

  f.Begin("dec2025-padding", "bc51da8",
          "embedding and head are padded to a multiple of 64 rows, logits sliced back");
  f.pad_vocab_to = 64;
  add();

  f.Begin("jan2026-argparse", "eb7bbc1", "argparse instead of the configurator");
  add();

  f.Begin("jan2026-heads", "9d4c9b7",
          "the number of heads divides model_dim; -1 disables evaluation and sampling");
  f.head_rule = HeadRule::kNearestDivisor;
  f.minus_one_skips_eval = true;
  add();

  f.Begin("jan2026-noclip", "061f83c", "no gradient clipping");
  f.grad_clip = false;
  add();

  f.Begin("jan2026-normuon", "2c4473d", "Muon keeps a second momentum, one value a row or column");
  f.second_momentum = true;
  add();

  f.Begin("jan2026-lambdas", "aa530cd",
          "resid_lambdas and x0_lambdas; DistAdamW uncompiled, small tensors all-reduced");
  f.lambdas = true;
  f.adam = AdamStyle::kEagerStep;
  f.small_all_reduced = true;
  add();

  f.Begin("jan2026-fa3", "2ff7d51", "Flash Attention 3 without fall-back; preallocated KV cache");
  f.attention = AttentionRule::kFa3Always;
  f.kv_preallocated = true;
  add();

  f.Begin("jan2026-windows", "fbc1484", "sliding windows by --window_pattern, half the length");
  f.windows = true;
  add();

  f.Begin("jan2026-dashes", "7312ec9", "flags are spelt with dashes");
  add();

  f.Begin("jan2026-stacked", "6bb9240", "Muon updates stacks of equal shapes in one kernel");
  f.muon = MuonStyle::kStacked;
  add();

  f.Begin("jan2026-fused", "22a71aa", "DistAdamW updates each tensor in one compiled kernel");
  f.adam = AdamStyle::kFusedKernel;
  add();

  f.Begin("jan2026-sdpa", "b62a5bc",
          "PyTorch's attention where there is no FA3, with a mask for windows");
  f.attention = AttentionRule::kFa3From90;
  add();

  f.Begin("jan2026-ve", "a91743c",
          "value embeddings in every other layer, gated; model_dim rounded up to head_dim");
  f.value_embeddings = ValueEmbeddings::kAlternating;
  f.ve_gate_channels = 32;
  f.head_rule = HeadRule::kRoundUpDim;
  add();

  f.Begin("jan2026-vocab", "8630d32", "speedrun.sh trains a vocabulary of 32,768, not 65,536");
  f.speedrun_vocab = 32768;
  add();

  f.Begin("jan2026-bigram", "c88bbf8", "hashed bigram embeddings of five vocabularies");
  f.bigram_multiple = 5;
  f.horizon_by_matrices = true;
  add();

  f.Begin("jan2026-nobigram", "74554be", "bigram embeddings removed");
  f.bigram_multiple = 0;
  add();

  f.Begin("jan2026-muonadamw", "41bb2ea", "one optimizer, MuonAdamW, with sharded state");
  f.adam = AdamStyle::kMuonAdamW;
  add();

  f.Begin("jan2026-loader", "6a341f2", "the loader keeps one device buffer for its batches");
  f.loader_keeps_buffer = true;
  add();

  f.Begin("jan2026-nomid", "1ddaad1", "no midtraining; SFT trains packed rows, compiled");
  f.mid_stage = false;
  f.sft = SftStyle::kPacked;
  add();

  f.Begin("feb2026-eval", "0307997", "base_eval evaluates the loss too, base_loss is gone");
  f.base_loss_script = false;
  add();

  f.Begin("feb2026-sm90", "dc291c6", "Flash Attention 3 on Hopper only, not on Blackwell");
  f.attention = AttentionRule::kFa3Only90;
  add();

  f.Begin("feb2026-gc", "07c4dd4", "Python's garbage collector is stopped after the first step");
  f.collects_once = true;
  add();

  f.Begin("feb2026-fp8", "6079f78", "--fp8 by torchao");
  f.fp8 = Fp8::kTorchao;
  f.fp8_eval_allocates = true;
  add();

  f.Begin("feb2026-autobatch", "f41dd3c",
          "--total-batch-size=-1 (the default) follows a power law");
  f.auto_batch = AutoBatch::kPowerLaw;
  add();

  f.Begin("feb2026-ownfp8", "e569b59", "fp8 by nanochat's own Linear, tensorwise only");
  f.fp8 = Fp8::kOwnSavesInputs;
  add();

  f.Begin("feb2026-sft", "788dade",
          "SFT inherits batch sizes from the base checkpoint, can load its optimizer, and runs "
          "ChatCORE");
  f.sft = SftStyle::kInherits;
  add();

  f.Begin("feb2026-fp8saved", "4585551",
          "fp8 keeps quantised inputs and weights for backward and skips small layers");
  f.fp8 = Fp8::kOwn;
  f.fp8_min_dim = 128;
  add();

  f.Begin("mar2026-softcap", "aba30cb", "soft cap of 20");
  f.softcap = 20;
  add();

  f.Begin("mar2026-climbmix", "324e69c", "trains on ClimbMix instead of FineWeb-Edu");
  f.speedrun_text = TokenizerText::kClimbMix;
  add();

  f.Begin("mar2026-dtype", "1076f97",
          "COMPUTE_DTYPE instead of autocast: Linear casts its weight, fp32 before Ampere");
  f.precision = Precision::kComputeDtype;
  add();

  f.Begin("mar2026-tuned", "6ed7d1d",
          "ve_gate of 12 channels; short windows of a third; soft cap of 15");
  f.ve_gate_channels = 12;
  f.short_window_divisor = 3;
  f.short_window_multiple = 128;
  f.softcap = 15;
  add();

  f.Begin("mar2026-smear", "a825e63", "smear and backout; short windows of a quarter");
  f.smear_backout = true;
  f.short_window_divisor = 4;
  add();

  f.Begin("mar2026-muondtype", "c0dbf1f", "Muon iterates in fp32 where COMPUTE_DTYPE is not bf16");
  f.muon_follows_dtype = true;
  add();

  f.Begin("mar2026-fp8eval", "47e983e", "evaluation under fp8 no longer allocates weights");
  f.fp8_eval_allocates = false;
  add();

  f.Begin("jul2026-muoneq", "4e014d3", "MuonEq and Muon+ in Muon's kernel");
  f.muon_equalizes = true;
  add();

  f.Begin("jul2026-kvcache", "ca366eb", "KV cache in COMPUTE_DTYPE");
  f.kv_follows_dtype = true;
  add();

  f.Begin("jul2026-fa3", "2fc63c9",
          "before and after Hopper another build of Flash Attention 3 where the hub has one");
  f.attention = AttentionRule::kFa3OrOther;
  add();

  f.Begin("jul2026-optimizer", "a9d0a86",
          "one optimizer class for any number of ranks; one rank communicates nothing");
  f.single_class = true;
  add();

  return all;
}

}  // namespace

void Family::Begin(std::string_view new_name, std::string_view commit, std::string_view what) {
  name = new_name;
  first_commit = commit;
  change = what;
}

std::span<const Family> Families() {
  static const std::vector<Family> all = Describe();
  return all;
}

const Family* FamilyByName(std::string_view name) {
  for (const Family& family : Families()) {
    if (family.name == name) return &family;
  }
  return nullptr;
}

}  // namespace vramcast::nanochat
