#include "models/validate.h"

#include <algorithm>
#include <string>

namespace vramcast::models {
namespace {

constexpr double kLargestTensor = 1152921504606846976.0;  // 2^60 bytes: more than any machine has
constexpr int64_t kMostLayers = 4096;
constexpr int64_t kMostSteps = 1024;

Status CheckRange(std::string_view name, int64_t value, int64_t most) {
  if (value >= 1 && value <= most) return {};
  return UsageError("--" + std::string(name) + " is between 1 and " + std::to_string(most) +
                    ", not " + std::to_string(value));
}

Status CheckTargets(const ModelConfig& m, const Lora& lora) {
  const std::vector<std::string> known =
      m.family == Family::kGpt2
          ? std::vector<std::string>{"c_attn", "c_proj", "c_fc", "all-linear"}
          : std::vector<std::string>{"q_proj",    "k_proj",  "v_proj",    "o_proj",
                                     "gate_proj", "up_proj", "down_proj", "all-linear"};
  std::string all;
  for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
  if (lora.targets.empty()) return UsageError("--lora-targets names none of " + all);
  for (const std::string& target : lora.targets) {
    if (std::find(known.begin(), known.end(), target) == known.end()) {
      return UsageError("--lora-targets takes " + all + " for this model, not \"" + target + "\"");
    }
  }
  return {};
}

bool TooLarge(const ModelConfig& m, const TrainingOptions& o, int64_t sequence) {
  const auto tokens = static_cast<double>(o.batch_size) * static_cast<double>(sequence);
  const auto channels = static_cast<double>(
      std::max({m.vocabulary, 4 * m.intermediate, 4 * m.hidden, 4 * m.heads * m.head_size}));
  const double activations = tokens * channels * 16 * static_cast<double>(m.layers + 4);
  const double scores = tokens * static_cast<double>(sequence) * static_cast<double>(m.heads) * 16 *
                        static_cast<double>(m.layers);
  const double weights =
      static_cast<double>(m.hidden) *
      (static_cast<double>(m.vocabulary) * 2 +
       static_cast<double>(m.layers) *
           (static_cast<double>(m.intermediate) * 3 +
            static_cast<double>(m.head_size) * static_cast<double>(2 * m.heads + 2 * m.kv_heads))) *
      32;
  return activations > kLargestTensor || scores > kLargestTensor || weights > kLargestTensor;
}

}  // namespace

Status Validate(const ModelConfig& m, const TrainingOptions& o) {
  if (Status s = CheckRange("batch-size", o.batch_size, 1 << 20); !s) return s;
  if (Status s = CheckRange("grad-accum", o.accumulation, 1 << 20); !s) return s;
  if (Status s = CheckRange("world-size", o.world_size, 1 << 16); !s) return s;
  if (o.lora.rank != 0) {
    if (Status s = CheckRange("lora", o.lora.rank, 1 << 16); !s) return s;
    if (Status s = CheckTargets(m, o.lora); !s) return s;
  }
  if (m.layers > kMostLayers) {
    return UsageError("a model of " + std::to_string(m.layers) + " layers is beyond any that is");
  }
  if (o.sequence_lengths.empty() || o.sequence_lengths.size() > static_cast<size_t>(kMostSteps)) {
    return UsageError("--seq-len takes 1 to " + std::to_string(kMostSteps) + " lengths");
  }
  for (const int64_t sequence : o.sequence_lengths) {
    if (Status s = CheckRange("seq-len", sequence, 1 << 24); !s) return s;
    if (m.family == Family::kGpt2 && sequence > m.positions) {
      return UsageError("the model has " + std::to_string(m.positions) +
                        " positions, fewer than --seq-len " + std::to_string(sequence));
    }
    if (TooLarge(m, o, sequence)) {
      return UsageError("the model and its batch are larger than any machine's memory");
    }
  }
  if (o.world_size > 1 && o.parallel == Parallel::kNone) {
    return UsageError("--world-size " + std::to_string(o.world_size) +
                      " needs --parallel: ddp, fsdp1, fsdp2, zero1, zero2 or zero3");
  }
  if (o.attention == AttentionWay::kFlash && o.precision == Precision::kFp32) {
    return UsageError("flash attention works in 16 bits: take --dtype bf16 or amp");
  }
  return {};
}

}  // namespace vramcast::models
