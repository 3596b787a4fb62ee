// When in a program's life an allocation happens. One list for every room and for all JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vramcast {

enum class Phase : uint8_t {
  kModelInit,
  kResume,
  kFirstForward,
  kFirstBackward,
  kFirstOptimizerStep,
  kTrainStep,  // every step after the first, gradient accumulation included
  kEvaluation,
  kCoreMetric,
  kSampling,
  kSave,
  kInference,
  kUnknown,
};
inline constexpr size_t kPhaseCount = static_cast<size_t>(Phase::kUnknown) + 1;

// "model_init", "first_forward", …: the names in JSON.
std::string_view PhaseName(Phase phase);
// "model initialisation", "first forward pass", …: the names in sentences.
std::string_view PhaseTitle(Phase phase);
std::optional<Phase> PhaseFromName(std::string_view name);

}  // namespace vramcast
