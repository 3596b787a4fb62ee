// What the allocations of a model's training are. One table gives each its category, its name and
// the formula of its size, so that compositions and --explain speak of the same things.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trace/category.h"

namespace vramcast::models {

enum class Role : uint8_t {
  kParameter,
  kGathered,
  kBuffer,
  kInitTemporary,
  kBatch,
  kSmall,
  kWorkspace,
  kMask,
  kRotary,
  // Forward pass.
  kResidual,
  kUpcast,
  kNormed,
  kNormStatistic,
  kWeightCopy,
  kInputCopy,
  kQueryKeyValue,
  kRotated,
  kRepeated,
  kAttentionBias,
  kAttentionScores,
  kAttentionOut,
  kLogSumExp,
  kProjection,
  kMlp,
  kDropoutMask,
  kAdapter,
  kTemporary,
  kLogits,
  kLogitsFp32,
  kLogProbabilities,
  kLossStatistic,
  // Backward pass.
  kLogitsGradient,
  kActivationGradient,
  kAttentionWorkspace,
  kReductionBuffer,
  kGradient,
  kLowPrecisionGradient,
  // Optimizer and sharding.
  kMaster,
  kMoment,
  kUpdateTemporary,
  kBucket,
  kGradientShard,
  kCount,
};
inline constexpr size_t kRoleCount = static_cast<size_t>(Role::kCount);

struct RoleInfo {
  Category category;
  std::string_view name;
  // Sizes in bytes; B batch, T sequence, C width, F width of the MLP, V vocabulary, H heads,
  // D head size, P parameters, W ranks, e bytes per number.
  std::string_view formula;
};
const RoleInfo& InfoOf(Role role);

}  // namespace vramcast::models
