#include <algorithm>
#include <utility>

#include "base/text.h"
#include "command/flags.h"
#include "nanochat/flags.h"

namespace vramcast::command {
namespace {

// Flags whose value decides about memory: it matters when that value is not known.
constexpr std::string_view kDecisive[] = {
    "depth",          "aspect_ratio",      "head_dim",
    "max_seq_len",    "device_batch_size", "total_batch_size",
    "batch_size",     "window_pattern",    "num_samples",
    "max_new_tokens", "examples_per_step", "target_examples_per_step",
};

// The largest of several possible depths: the one that decides whether a loop gets through.
std::optional<std::string> Largest(const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  for (const std::string& candidate : candidates) {
    const auto number = ParseInt(candidate);
    if (!number) return std::nullopt;
    if (!best || *number > *ParseInt(*best)) best = candidate;
  }
  return best;
}

// The value of a flag that is not known from the text; nothing unless one stands for all.
std::optional<std::string> Guess(const FlagUse& use, std::vector<std::string>& notes) {
  if (std::find(std::begin(kDecisive), std::end(kDecisive), use.name) == std::end(kDecisive)) {
    return std::nullopt;
  }
  std::optional<std::string> guess;
  std::string note = "the value of " + use.spelling + " is not known: " + use.value->why_unknown;
  if (!use.value->candidates.empty()) {
    note += " (" + Join(use.value->candidates, ", ") + ")";
    if (use.name == "depth") guess = Largest(use.value->candidates);
    if (guess) note += "; the largest is taken";
  }
  notes.push_back(std::move(note));
  return guess;
}

}  // namespace

nanochat::Flags ToNanochat(std::span<const FlagUse> uses, nanochat::Stage stage,
                           std::vector<std::string>& notes) {
  nanochat::Flags flags;
  for (const FlagUse& use : uses) {
    std::optional<std::string> text = "";
    if (use.value) text = use.value->text ? use.value->text : Guess(use, notes);
    if (!text) continue;
    if (const Status status = nanochat::SetFlag(flags, use.name, *text); !status) {
      notes.push_back(status.error().message);
    }
  }
  flags.stage = stage;
  return flags;
}

}  // namespace vramcast::command
