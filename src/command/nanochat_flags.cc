#include <algorithm>
#include <utility>

#include "base/text.h"
#include "command/flags.h"

namespace vramcast::command {
namespace {

using nanochat::Dtype;
using nanochat::Flags;
using nanochat::Stage;

struct NumberField {
  std::string_view name;
  std::optional<int64_t> Flags::*field;
};
constexpr NumberField kNumbers[] = {
    {"depth", &Flags::depth},
    {"aspect-ratio", &Flags::aspect_ratio},
    {"head-dim", &Flags::head_dim},
    {"max-seq-len", &Flags::max_seq_len},
    {"device-batch-size", &Flags::device_batch_size},
    {"total-batch-size", &Flags::total_batch_size},
    {"eval-every", &Flags::eval_every},
    {"eval-tokens", &Flags::eval_tokens},
    {"core-metric-every", &Flags::core_metric_every},
    {"sample-every", &Flags::sample_every},
    {"save-every", &Flags::save_every},
    {"resume-from-step", &Flags::resume_from_step},
    {"num-iterations", &Flags::num_iterations},
    {"num-samples", &Flags::num_samples},
    {"max-new-tokens", &Flags::max_new_tokens},
    {"vocab-size", &Flags::vocab_size},
};

// "20", "20*524288" (the early configurator evaluated Python literals only, but people write it).
std::optional<int64_t> Number(std::string_view text) {
  int64_t product = 1;
  for (const std::string_view factor : Split(text, '*')) {
    std::string digits(Trim(factor));
    std::erase(digits, '_');
    const auto number = ParseInt(digits);
    if (!number || __builtin_mul_overflow(product, *number, &product)) return std::nullopt;
  }
  return product;
}

std::optional<Dtype> ParseDtype(std::string_view text) {
  if (text == "bfloat16" || text == "bf16") return Dtype::kBf16;
  if (text == "float16" || text == "fp16") return Dtype::kFp16;
  if (text == "float32" || text == "fp32") return Dtype::kFp32;
  return std::nullopt;
}

// The largest of several possible depths: the one that decides whether a loop gets through.
std::optional<std::string> Largest(const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  for (const std::string& candidate : candidates) {
    const auto number = Number(candidate);
    if (!number) return std::nullopt;
    if (!best || *number > *Number(*best)) best = candidate;
  }
  return best;
}

class Setter {
 public:
  Setter(Flags& flags, Stage stage, std::vector<std::string>& notes)
      : flags_(flags), stage_(stage), notes_(notes) {}

  void Set(const FlagUse& use) {
    std::optional<std::string> text;
    if (use.value) {
      text = use.value->text;
      if (!text) {
        Unknown(use, text);
        if (!text) return;
      }
    }
    if (!SetNumber(use, text) && !SetOther(use, text)) {
      flags_.others.insert_or_assign(use.name, text.value_or(""));
    }
  }

 private:
  void Unknown(const FlagUse& use, std::optional<std::string>& text) {
    const bool counts = std::any_of(std::begin(kNumbers), std::end(kNumbers),
                                    [&](const auto& number) { return number.name == use.name; });
    if (!counts) return;
    std::string note = "the value of " + use.spelling + " is not known: " + use.value->why_unknown;
    if (!use.value->candidates.empty()) {
      note += " (" + Join(use.value->candidates, ", ") + ")";
      if (use.name == "depth") text = Largest(use.value->candidates);
      if (text) note += "; the largest is taken";
    }
    notes_.push_back(std::move(note));
  }

  bool SetNumber(const FlagUse& use, const std::optional<std::string>& text) {
    std::string_view name = use.name;
    if (stage_ == Stage::kChatEval && name == "batch-size") name = "device-batch-size";
    for (const NumberField& number : kNumbers) {
      if (number.name != name) continue;
      const auto value = text ? Number(*text) : std::nullopt;
      if (value) {
        flags_.*number.field = value;
      } else {
        notes_.push_back(use.spelling + " has no whole number as its value");
      }
      return true;
    }
    return false;
  }

  bool SetOther(const FlagUse& use, const std::optional<std::string>& text) {
    if (use.name == "target-param-data-ratio") {
      flags_.target_param_data_ratio = text ? ParseDouble(*text) : std::nullopt;
    } else if (use.name == "window-pattern") {
      flags_.window_pattern = text;
    } else if (use.name == "fp8-recipe") {
      flags_.fp8_recipe = text;
    } else if (use.name == "fp8") {
      flags_.fp8 = !text || (*text != "False" && *text != "0");
    } else if (use.name == "dtype") {
      flags_.dtype = text ? ParseDtype(*text) : std::nullopt;
    } else {
      return false;
    }
    return true;
  }

  Flags& flags_;
  Stage stage_;
  std::vector<std::string>& notes_;
};

}  // namespace

Flags ToNanochat(std::span<const FlagUse> uses, Stage stage, std::vector<std::string>& notes) {
  Flags flags;
  flags.stage = stage;
  Setter setter(flags, stage, notes);
  for (const FlagUse& use : uses) setter.Set(use);
  return flags;
}

}  // namespace vramcast::command
