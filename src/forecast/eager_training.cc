#include "forecast/eager_training.h"

#include "forecast/attention.h"
#include "forecast/inference.h"

namespace vramcast::forecast {
namespace {

struct Layer {
  std::vector<AllocationId> saved;
  AttentionSaved attention;
};

// Saved by the operations of one block: two residuals and their norms, queries and keys before and
// after their norm, values, the attention's output, and of the MLP the rectified values and their
// squares. Math attention keeps queries, keys and values in fp32 instead, and the scores.
Layer EagerLayer(const Job& job, int64_t index, Writer* writer) {
  Layer layer;
  const int64_t unit = job.unit();
  const auto keep = [&](What what, int64_t bytes) {
    layer.saved.push_back(writer->Alloc(what, bytes));
  };
  keep(What::kResidual, unit);
  keep(What::kNormStatistic, 4 * job.tokens());
  keep(What::kNormed, unit);
  const bool math = job.kernel(index) == AttentionKernel::kMath;
  const int64_t head_unit = math ? 4 * job.tokens() * job.width() : unit;
  keep(What::kValueHead, head_unit);
  for (int i = 0; i < 2; ++i) keep(What::kQueryKey, unit);
  for (int i = 0; i < 2; ++i) keep(What::kQueryKey, head_unit);
  layer.attention = AttentionForward(job, index, writer);
  keep(What::kResidual, unit);
  keep(What::kNormStatistic, 4 * job.tokens());
  keep(What::kNormed, unit);
  AllocationId hidden = writer->Alloc(What::kMlpHidden, 4 * unit);
  keep(What::kMlpHidden, 4 * unit);
  writer->Free(hidden);
  // Autocast squares in fp32 (pow, autocast_mode.h): its input is kept wide, its output narrowed.
  if (job.family().precision == nanochat::Precision::kAutocast) {
    const int64_t wide = 16 * job.tokens() * job.width();
    keep(What::kMlpActivated, wide);
    AllocationId square = writer->Alloc(What::kMlpActivated, wide);
    keep(What::kMlpActivated, 4 * unit);
    writer->Free(square);
  } else {
    keep(What::kMlpActivated, 4 * unit);
  }
  writer->Touch(What::kMlpOut, unit);
  return layer;
}

}  // namespace

std::vector<AllocationId> EagerTrainingPass(const Job& job, bool first, Workspaces* workspaces,
                                            Writer* writer) {
  if (!workspaces->forward.valid()) {
    workspaces->forward = writer->Alloc(What::kWorkspace, job.workspace());
  }
  std::vector<AllocationId> weights = EagerWeights(job, writer);
  if (weights.empty() && !job.fp32()) {
    // Linear's own cast of its weight is saved by the product.
    for (const nanochat::Parameter& parameter : job.shapes.parameters) {
      if (parameter.linear) {
        weights.push_back(writer->Alloc(What::kWeightCopy, 2 * parameter.elements()));
      }
    }
  }
  std::vector<Layer> layers;
  for (size_t i = 0; i < job.layers.size(); ++i) {
    layers.push_back(EagerLayer(job, static_cast<int64_t>(i), writer));
  }
  const int64_t entries = job.tokens() * job.vocab();
  AllocationId normed = writer->Alloc(What::kNormed, job.unit());
  AllocationId logits = writer->Alloc(What::kLogits, job.act() * entries);
  const int64_t cap = job.family().softcap_in_fp32 ? 4 : job.act();
  if (job.family().softcap_in_fp32 && !job.fp32()) {
    AllocationId wide = writer->Alloc(What::kLogitsFp32, 4 * entries);
    writer->Free(logits);
    logits = wide;
  }
  AllocationId quotient = writer->Alloc(What::kLogitsFp32, cap * entries);
  AllocationId tanh = writer->Alloc(What::kLogitsFp32, cap * entries);  // saved
  writer->Free(quotient);
  AllocationId capped = writer->Alloc(What::kLogitsFp32, cap * entries);
  writer->Free(logits);
  AllocationId wide = writer->Alloc(What::kLogitsFp32, cap < 4 ? 4 * entries : 0);
  AllocationId log_softmax = writer->Alloc(What::kLogitsFp32, 4 * entries);  // saved
  writer->Free(wide);
  writer->Free(capped);

  if (first) writer->Enter(Phase::kFirstBackward);
  if (!workspaces->backward.valid()) {
    workspaces->backward = writer->Alloc(What::kWorkspace, job.workspace());
  }
  AllocationId nll = writer->Alloc(What::kLogitsGradient, 4 * entries);
  AllocationId softmax = writer->Alloc(What::kLogitsGradient, 4 * entries);
  writer->Free(nll);
  writer->Free(log_softmax);
  AllocationId narrow = writer->Alloc(What::kLogitsGradient, cap * entries);
  writer->Free(softmax);
  writer->Free(tanh);

  std::vector<AllocationId> gradients(job.shapes.parameters.size());
  const auto gradient = [&](int index) {
    if (index < 0) return;
    const auto slot = static_cast<size_t>(index);
    gradients[slot] = writer->Alloc(What::kGradient, job.shapes.parameters[slot].bytes().count());
  };
  gradient(job.lm_head);
  writer->Free(narrow);
  writer->Free(normed);
  AllocationId stream = writer->Alloc(What::kActivationGradient, job.unit());
  for (size_t i = layers.size(); i-- > 0;) {
    const LayerParameters& p = job.layers[i];
    AllocationId hidden = writer->Alloc(What::kActivationGradient, 4 * job.unit());
    gradient(p.mlp_proj);
    gradient(p.fc);
    writer->Free(hidden);
    gradient(p.c_proj);
    std::vector<AllocationId> qkv = AttentionBackward(job, static_cast<int64_t>(i), writer);
    for (const int index : {p.c_v, p.c_k, p.c_q, p.ve_gate, p.value_embedding}) gradient(index);
    writer->Free(qkv);
    writer->Free(layers[i].saved);
    writer->Free(layers[i].attention.out);
    writer->Free(layers[i].attention.log_sum_exp);
    writer->Free(layers[i].attention.seed);
    writer->Free(layers[i].attention.offset);
    writer->Free(layers[i].attention.scores);
  }
  for (const int index : job.scalars) gradient(index);
  gradient(job.smear_gate);
  gradient(job.wte);
  gradient(job.bigram);
  writer->Free(stream);
  writer->Free(weights);
  return gradients;
}

}  // namespace vramcast::forecast
