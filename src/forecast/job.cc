#include "forecast/job.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "forecast/attention.h"

namespace vramcast::forecast {
namespace {

// "value_embeds.3.weight" -> 3.
std::optional<int64_t> NumberAfter(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return {};
  name.remove_prefix(prefix.size());
  return ParseInt(name.substr(0, name.find('.')));
}

void Place(const std::string& name, int index, Job* job) {
  const auto is = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  if (const auto layer = NumberAfter(name, "transformer.h.")) {
    LayerParameters& block = job->layers[static_cast<size_t>(*layer)];
    if (is(".c_q.")) block.c_q = index;
    if (is(".c_k.")) block.c_k = index;
    if (is(".c_v.")) block.c_v = index;
    if (is(".attn.c_proj.")) block.c_proj = index;
    if (is(".c_fc.")) block.fc = index;
    if (is(".mlp.c_proj.")) block.mlp_proj = index;
    if (is(".ve_gate.")) block.ve_gate = index;
    return;
  }
  if (const auto layer = NumberAfter(name, "value_embeds.")) {
    job->layers[static_cast<size_t>(*layer)].value_embedding = index;
  } else if (is("wte.")) {
    job->wte = index;
  } else if (is("lm_head.")) {
    job->lm_head = index;
  } else if (is("smear_gate.")) {
    job->smear_gate = index;
  } else if (is("bigram_embed.")) {
    job->bigram = index;
  } else {
    job->scalars.push_back(index);
  }
}

}  // namespace

bool Job::masked(int64_t layer) const {
  if (!family().windows || *config.attention == nanochat::Attention::kFa3) return false;
  const auto& windows = config.model.windows;
  return static_cast<size_t>(layer) < windows.size() && windows[static_cast<size_t>(layer)] < seq();
}

AttentionKernel Job::kernel(bool masked) const {
  if (*config.attention == nanochat::Attention::kFa3) return AttentionKernel::kFa3;
  const bool half = *config.dtype != nanochat::Dtype::kFp32;
  const bool bf16 = *config.dtype == nanochat::Dtype::kBf16;
  if (half && capability >= 80 && !masked) return AttentionKernel::kFlash;
  if (!bf16 || capability >= 80) return AttentionKernel::kMemoryEfficient;
  return AttentionKernel::kMath;
}

int64_t Job::cut_logits_bytes() const {
  constexpr int64_t kLeastPadded = 1024;  // padding_stride_threshold
  constexpr int64_t kAlignment = 32;      // padding_alignment_bytes in fp32
  int64_t row = config.model.vocab_size;
  if (row == vocab()) return 0;
  if (row > kLeastPadded) row = (row + kAlignment - 1) / kAlignment * kAlignment;
  return 4 * tokens() * row;
}

Job::CardTraits Job::card_traits() const {
  CardTraits traits = {.attention = *config.attention,
                       .dtype = *config.dtype,
                       .compiles = compiles(),
                       .workspace = workspace(),
                       .masked_kernel = kernel(true),
                       .full_kernel = kernel(false),
                       .key_splits = 0};
  if (traits.masked_kernel == AttentionKernel::kMemoryEfficient ||
      traits.full_kernel == AttentionKernel::kMemoryEfficient) {
    traits.key_splits = KeySplits(*this);
  }
  return traits;
}

Job MakeJob(nanochat::RunConfig config, const std::optional<gpu::Card>& card, CodeChanges changes) {
  Job job;
  job.changes = changes;
  job.config = std::move(config);
  job.shapes = nanochat::ShapesOf(job.config);
  if (card && card->capability) {
    job.capability = card->capability->major * 10 + card->capability->minor;
    job.multiprocessors = card->multiprocessors.value_or(job.multiprocessors);
  }
  job.layers.resize(static_cast<size_t>(job.config.model.n_layer));
  for (size_t i = 0; i < job.shapes.parameters.size(); ++i) {
    Place(job.shapes.parameters[i].name, static_cast<int>(i), &job);
  }
  return job;
}

AllocatorSettings SettingsOf(const Job& job) {
  // CUDAAllocatorConfig.h of PyTorch 2.9, instance(): no other variable is read. Confirmed by runs
  // on GPUs: until nanochat changed the name peaks agree with expandable segments, since then with
  // what blocks without them cannot give back.
  if (job.config.alloc_conf_variable != "PYTORCH_CUDA_ALLOC_CONF") return job.environment;
  AllocatorSettings settings = DefaultSettings();
  settings.expandable_segments = true;
  return settings;
}

}  // namespace vramcast::forecast
