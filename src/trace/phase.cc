#include "trace/phase.h"

namespace vramcast {
namespace {

struct Names {
  std::string_view name, title;
};

constexpr std::array<Names, kPhaseCount> kNames = {{
    {"model_init", "model initialisation"},
    {"resume", "resume from a checkpoint"},
    {"first_forward", "first forward pass"},
    {"first_backward", "first backward pass"},
    {"first_optimizer_step", "first optimizer step"},
    {"train_step", "training step"},
    {"evaluation", "evaluation"},
    {"core_metric", "CORE metric"},
    {"sampling", "sampling"},
    {"save", "checkpoint save"},
    {"inference", "inference"},
    {"unknown", "unknown phase"},
}};

}  // namespace

std::string_view PhaseName(Phase phase) { return kNames[static_cast<size_t>(phase)].name; }
std::string_view PhaseTitle(Phase phase) { return kNames[static_cast<size_t>(phase)].title; }

std::optional<Phase> PhaseFromName(std::string_view name) {
  for (size_t i = 0; i < kPhaseCount; ++i) {
    if (kNames[i].name == name) return static_cast<Phase>(i);
  }
  return std::nullopt;
}

}  // namespace vramcast
