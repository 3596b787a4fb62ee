// What the allocations of a forecast are. One table gives each its category, its name and the
// formula of its size, so that compositions and --explain speak of the same things.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "trace/category.h"
#include "trace/trace.h"

namespace vramcast::forecast {

enum class What : uint8_t {
  kParameter,
  kBuffer,
  kInitTemporary,
  kCheckpoint,
  kBatch,
  kSmall,
  kWorkspace,
  // Forward pass.
  kResidual,
  kNormed,
  kNormStatistic,
  kWeightCopy,
  kValueHead,
  kQueryKey,
  kValueEmbedding,
  kGate,
  kSmear,
  kMask,
  kAttentionOut,
  kAttentionScores,
  kLogSumExp,
  kProjection,
  kMlpHidden,
  kMlpActivated,
  kMlpOut,
  kFp8Input,
  kEagerTemporary,
  kHeadWeightCopy,
  kLogits,
  kLogitsFp32,
  kLossStatistic,
  // Backward pass.
  kLogitsGradient,
  kActivationGradient,
  kAttentionWorkspace,
  kLowPrecisionGradient,
  kEmbeddingAccumulator,
  kGradient,
  // Optimizer.
  kAdamMoment,
  kMuonMomentum,
  kMuonSecondMoment,
  kStackedGradients,
  kStackedParameters,
  kMuonIteration,
  kUpdateTemporary,
  kClipTemporary,
  // Collectives.
  kGradientStack,
  kGradientShard,
  kUpdatedShard,
  kGatherBuffer,
  kZeroBuffer,
  // Inference.
  kKvCache,
  kInferenceActivation,
  kCount,
};
inline constexpr size_t kWhatCount = static_cast<size_t>(What::kCount);

struct LabelInfo {
  Category category;
  std::string_view name;
  // Sizes in bytes; B batch, T sequence, C width, V padded vocabulary, H heads, L layers, W ranks,
  // e bytes per activation.
  std::string_view formula;
};
const LabelInfo& InfoOf(What what);

// The labels of one trace, interned once.
class Labels {
 public:
  explicit Labels(TraceBuilder* builder);
  LabelId operator[](What what) const { return ids_[static_cast<size_t>(what)]; }

 private:
  std::array<LabelId, kWhatCount> ids_;
};

}  // namespace vramcast::forecast
