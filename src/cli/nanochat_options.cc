#include "cli/nanochat_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.h"
#include "cli/calibration.h"
#include "cli/flag_table.h"
#include "gpu/card.h"
#include "nanochat/checkout.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {

struct Option {
  const char* name;  // as in Python
  const char* help;
};

constexpr std::array<Option, 26> kOptions = {{
    {"depth", "layers of the model"},
    {"aspect_ratio", "model width = depth x this"},
    {"head_dim", "width of an attention head"},
    {"max_seq_len", "tokens in a sequence"},
    {"device_batch_size", "sequences at once on each GPU"},
    {"total_batch_size", "tokens a step; -1: as the revision computes it"},
    {"window_pattern", "L: full, S: short window, by layer: SSSL"},
    {"fp8_recipe", "tensorwise or rowwise"},
    {"dtype", "auto, bf16, fp16 or fp32"},
    {"eval_every", "steps between validations; -1: none"},
    {"eval_tokens", "tokens of a validation"},
    {"core_metric_every", "steps between CORE metrics; -1: none"},
    {"sample_every", "steps between samples; -1: none"},
    {"save_every", "steps between checkpoints; -1: at the end"},
    {"resume_from_step", "resume here"},
    {"num_iterations", "steps to train"},
    {"target_param_data_ratio", "tokens to train on for each parameter"},
    {"num_samples", "completions of a question (rl), of a problem (chat_eval)"},
    {"max_new_tokens", "tokens to generate"},
    {"vocab_size", "of the tokenizer"},
    {"world_size", "GPUs"},
    {"stage", "base, mid, sft, rl, base_eval or chat_eval"},
    {"revision", "of nanochat: commit, date, oct2025, jan2026, mar2026 or head"},
    {"attention", "auto, fa3 or sdpa"},
    {"launcher", "python or torchrun"},
    {"examples_per_step", "of fine-tuning until 2026 and of rl"},
}};

std::string Spellings(std::string_view name) {
  std::string dashes(name);
  std::replace(dashes.begin(), dashes.end(), '_', '-');
  if (dashes == name) return "--" + dashes;
  return fmt::format("--{},--{}", dashes, name);
}

}  // namespace

void NanochatOptions::Declare(FlagTable& flags) {
  for (const Option& option : kOptions) {
    flags.Value(Spellings(option.name), values_[option.name], option.help);
  }
  flags.Switch("--fp8", fp8_, "train Linear layers in fp8");
  flags.Value("--gpu", gpu_, "the card: \"RTX 3090\", a100-40gb, 24GiB");
  flags.Value("--other-processes,--other_processes", other_processes_,
              "what others hold on the card: 2GiB");
  flags.Value("--margin", margin_, "to keep free above the interval's high end: 1GiB");
  flags.Value("--alloc-conf", alloc_conf_, "PYTORCH_CUDA_ALLOC_CONF of the environment");
  flags.Value("--nanochat", checkout_, "a checkout, whose revision counts");
  flags.Switch("--no-calibration", no_calibration_,
               "leave out what forecast --calibrate has learnt of this GPU");
}

const std::string& NanochatOptions::Given(const std::string& name) const {
  static const std::string none;
  const auto found = values_.find(name);
  return found == values_.end() ? none : found->second;
}

Status NanochatOptions::Apply(nanochat::Flags* flags) const {
  for (const auto& [name, value] : values_) {
    if (value.empty()) continue;
    if (auto status = nanochat::SetFlag(*flags, name, value); !status) return status;
  }
  if (fp8_) flags->fp8 = true;
  return {};
}

Result<forecast::Request> NanochatOptions::Request(std::vector<std::string>* notes) const {
  forecast::Request request;
  if (auto status = Apply(&request.flags); !status) return tl::make_unexpected(status.error());
  if (!gpu_.empty()) {
    Result<gpu::CardMatch> match = gpu::FindCard(gpu_);
    if (!match) return tl::make_unexpected(match.error());
    request.card = std::move(match->card);
    notes->insert(notes->end(), match->notes.begin(), match->notes.end());
    if (!no_calibration_) request.calibration = LoadCalibration(request.card->name, notes);
  }
  if (!other_processes_.empty()) {
    const Result<Bytes> bytes = ParseBytes(other_processes_);
    if (!bytes) return tl::make_unexpected(bytes.error());
    request.other_processes = *bytes;
  }
  if (!margin_.empty()) {
    const Result<Bytes> bytes = ParseBytes(margin_);
    if (!bytes) return tl::make_unexpected(bytes.error());
    request.margin = *bytes;
  }
  if (!alloc_conf_.empty()) {
    const Result<AllocatorSettings> settings = ParseAllocConf(alloc_conf_);
    if (!settings) return tl::make_unexpected(settings.error());
    request.allocator = *settings;
  }
  if (!checkout_.empty()) {
    const Result<nanochat::Checkout> checkout = nanochat::DetectCheckout(checkout_);
    if (!checkout) return tl::make_unexpected(checkout.error());
    request.revision = checkout->revision;
  }
  return request;
}

}  // namespace vramcast::cli
