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

void FreeLayer(Layer* layer, Writer* writer) {
  writer->Free(layer->saved);
  writer->Free(layer->attention.out);
  writer->Free(layer->attention.log_sum_exp);
  writer->Free(layer->attention.seed);
  writer->Free(layer->attention.offset);
  writer->Free(layer->attention.scores);
}

// What the loss keeps of its logits, from the head to the logarithm of the softmax.
struct Head {
  AllocationId normed, tanh, log_softmax;
};

int64_t CapBytes(const Job& job) { return job.family().softcap_in_fp32 ? 4 : job.act(); }

Head EagerHead(const Job& job, Writer* writer) {
  const int64_t entries = job.eager_logit_tokens() * job.vocab();
  Head head;
  head.normed = writer->Alloc(What::kNormed, job.unit());
  AllocationId logits = writer->Alloc(What::kLogits, job.act() * entries);
  const int64_t cap = CapBytes(job);
  if (job.family().softcap_in_fp32 && !job.fp32()) {
    AllocationId wide = writer->Alloc(What::kLogitsFp32, 4 * entries);
    writer->Free(logits);
    logits = wide;
  }
  AllocationId quotient = writer->Alloc(What::kLogitsFp32, cap * entries);
  head.tanh = writer->Alloc(What::kLogitsFp32, cap * entries);
  writer->Free(quotient);
  AllocationId capped = writer->Alloc(What::kLogitsFp32, cap * entries);
  writer->Free(logits);
  AllocationId wide = writer->Alloc(What::kLogitsFp32, cap < 4 ? 4 * entries : 0);
  head.log_softmax = writer->Alloc(What::kLogitsFp32, 4 * entries);
  writer->Free(wide);
  writer->Free(capped);
  return head;
}

void FreeHead(Head* head, Writer* writer) {
  writer->Free(head->normed);
  writer->Free(head->tanh);
  writer->Free(head->log_softmax);
}

// The gradient of the logits; frees what the loss kept of them.
AllocationId EagerHeadBackward(const Job& job, Head* head, Writer* writer) {
  const int64_t entries = job.eager_logit_tokens() * job.vocab();
  AllocationId nll = writer->Alloc(What::kLogitsGradient, 4 * entries);
  AllocationId softmax = writer->Alloc(What::kLogitsGradient, 4 * entries);
  writer->Free(nll);
  writer->Free(head->log_softmax);
  const AllocationId narrow = writer->Alloc(What::kLogitsGradient, CapBytes(job) * entries);
  writer->Free(softmax);
  writer->Free(head->tanh);
  return narrow;
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
  const CodeChanges& changes = job.changes;
  std::vector<Layer> layers;
  std::vector<AllocationId> inputs(job.layers.size());  // of blocks that are computed again
  for (size_t i = 0; i < job.layers.size(); ++i) {
    const bool again = changes.checkpoints(static_cast<int64_t>(i));
    if (again) inputs[i] = writer->Alloc(What::kResidual, job.unit());
    layers.push_back(EagerLayer(job, static_cast<int64_t>(i), writer));
    if (again) FreeLayer(&layers.back(), writer);
  }
  // Weights whose every product is computed again are cast again, block by block.
  const bool weights_again = changes.checkpoint_every == 1 && !weights.empty();
  Head head = EagerHead(job, writer);
  if (weights_again) writer->Free(weights);
  if (changes.chunked_loss) FreeHead(&head, writer);

  if (first) writer->Enter(Phase::kFirstBackward);
  if (!workspaces->backward.valid()) {
    workspaces->backward = writer->Alloc(What::kWorkspace, job.workspace());
  }
  // Of a chunked loss the first part shows what each needs.
  if (changes.chunked_loss) head = EagerHead(job, writer);
  AllocationId narrow = EagerHeadBackward(job, &head, writer);

  std::vector<AllocationId> gradients(job.shapes.parameters.size());
  const auto gradient = [&](int index) {
    if (index < 0) return;
    const auto slot = static_cast<size_t>(index);
    gradients[slot] = writer->Alloc(What::kGradient, job.shapes.parameters[slot].bytes().count());
  };
  gradient(job.lm_head);
  writer->Free(narrow);
  writer->Free(head.normed);
  AllocationId stream = writer->Alloc(What::kActivationGradient, job.unit());
  for (size_t i = layers.size(); i-- > 0;) {
    const LayerParameters& p = job.layers[i];
    AllocationId cast;
    if (inputs[i].valid()) {
      if (weights_again) cast = writer->Alloc(What::kWeightCopy, 24 * job.width() * job.width());
      layers[i] = EagerLayer(job, static_cast<int64_t>(i), writer);
    }
    AllocationId hidden = writer->Alloc(What::kActivationGradient, 4 * job.unit());
    gradient(p.mlp_proj);
    gradient(p.fc);
    writer->Free(hidden);
    gradient(p.c_proj);
    std::vector<AllocationId> qkv = AttentionBackward(job, static_cast<int64_t>(i), writer);
    for (const int index : {p.c_v, p.c_k, p.c_q, p.ve_gate, p.value_embedding}) gradient(index);
    writer->Free(qkv);
    FreeLayer(&layers[i], writer);
    writer->Free(inputs[i]);
    writer->Free(cast);
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
