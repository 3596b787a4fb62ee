#include "forecast/inference.h"

#include <algorithm>

namespace vramcast::forecast {
namespace {

void NeedWorkspace(const Job& job, Workspaces* workspaces, Writer* writer) {
  if (!workspaces->forward.valid()) {
    workspaces->forward = writer->Alloc(What::kWorkspace, job.workspace());
  }
}

int64_t HeadElements(const Job& job) { return job.vocab() * job.width(); }

// The widest moment of a layer: residual, its norm and the MLP's two hidden tensors.
void LayerPeak(const Job& job, int64_t unit, bool keeps_both, Writer* writer) {
  const int64_t weight = job.fp32() ? 0 : 8 * job.width() * job.width();
  AllocationId residual = writer->Alloc(What::kInferenceActivation, unit);
  AllocationId normed = writer->Alloc(What::kInferenceActivation, unit);
  AllocationId copy = writer->Alloc(What::kInferenceActivation, weight);
  AllocationId hidden = writer->Alloc(What::kInferenceActivation, 4 * unit);
  if (keeps_both) writer->Touch(What::kInferenceActivation, 4 * unit);
  writer->Free(normed);
  writer->Touch(What::kInferenceActivation, unit);
  writer->Free(hidden);
  writer->Free(copy);
  writer->Free(residual);
}

}  // namespace

void CompiledEvaluation(const Job& job, Workspaces* workspaces, Writer* writer) {
  const int64_t unit = job.unit();
  NeedWorkspace(job, workspaces, writer);
  for (int64_t i = 0; i < job.config.model.n_layer; ++i) LayerPeak(job, unit, false, writer);
  AllocationId normed = writer->Alloc(What::kInferenceActivation, unit);
  AllocationId weight =
      writer->Alloc(What::kHeadWeightCopy, job.fp32() ? 0 : 2 * HeadElements(job));
  AllocationId logits = writer->Alloc(What::kLogits, job.act() * job.tokens() * job.vocab());
  writer->Free(weight);
  writer->Free(normed);
  AllocationId loss = writer->Alloc(What::kLossStatistic, 4 * job.tokens());
  writer->Free(logits);
  AllocationId bytes = writer->Alloc(What::kLossStatistic, 4 * job.tokens());
  writer->Touch(What::kLossStatistic, 8 * job.tokens());
  writer->Free(bytes);
  writer->Free(loss);
}

std::vector<AllocationId> EagerWeights(const Job& job, Writer* writer) {
  std::vector<AllocationId> copies;
  if (job.family().precision != nanochat::Precision::kAutocast) return copies;
  for (const nanochat::Parameter& parameter : job.shapes.parameters) {
    if (parameter.linear) {
      copies.push_back(writer->Alloc(What::kWeightCopy, 2 * parameter.elements()));
    }
  }
  return copies;
}

void EagerForward(const Job& job, const EagerPass& pass, Workspaces* workspaces, Writer* writer) {
  const int64_t tokens = pass.rows * pass.tokens;
  const int64_t unit = job.act() * tokens * job.width();
  NeedWorkspace(job, workspaces, writer);
  const int64_t layers = pass.only_logits ? 0 : job.config.model.n_layer;
  for (int64_t i = 0; i < layers; ++i) LayerPeak(job, unit, true, writer);
  const int64_t entries = tokens * job.vocab();
  AllocationId normed = writer->Alloc(What::kInferenceActivation, unit);
  AllocationId logits = writer->Alloc(What::kLogits, job.act() * entries);
  int64_t width = job.act();
  if (job.family().softcap_in_fp32 && width < 4) {
    AllocationId wide = writer->Alloc(What::kLogitsFp32, 4 * entries);
    writer->Free(logits);
    logits = wide;
    width = 4;
  }
  // softcap * tanh(logits / softcap): the quotient lives while tanh runs, tanh while it is scaled.
  AllocationId quotient = writer->Alloc(What::kLogitsFp32, width * entries);
  AllocationId tanh = writer->Alloc(What::kLogitsFp32, width * entries);
  writer->Free(quotient);
  AllocationId capped = writer->Alloc(What::kLogitsFp32, width * entries);
  writer->Free(tanh);
  writer->Free(logits);
  writer->Free(normed);
  if (pass.with_loss) {
    // cross_entropy asks log_softmax for its input's own type, which autocast respects; nll_loss it
    // widens (autocast_mode.h).
    AllocationId shares = writer->Alloc(What::kLogitsFp32, width * entries);
    writer->Touch(What::kLogitsFp32, width < 4 ? 4 * entries : 0);
    writer->Free(shares);
    writer->Touch(What::kLossStatistic, 8 * tokens);
  }
  writer->Free(capped);
}

void Generate(const Job& job, int64_t prompt, int64_t new_tokens, int64_t rows,
              Workspaces* workspaces, Writer* writer) {
  const int64_t element = job.family().kv_follows_dtype ? job.act() : 2;
  const int64_t per_token = 2 * job.config.model.n_layer * job.config.model.kv_dim() * element;
  const bool preallocated = job.family().kv_preallocated;
  AllocationId prefill = writer->Alloc(What::kKvCache, per_token * prompt);
  EagerForward(job, {.rows = 1, .tokens = prompt}, workspaces, writer);
  // Before preallocation the cache grew in steps of 1,024 tokens (engine.py, insert_kv), with both
  // the old and the new one alive while it is copied.
  const int64_t length = prompt + new_tokens;
  AllocationId cache = writer->Alloc(
      What::kKvCache, per_token * rows * (preallocated ? length : (length + 1023) / 1024 * 1024));
  writer->Free(prefill);
  EagerForward(job, {.rows = rows, .tokens = 1}, workspaces, writer);
  writer->Free(cache);
}

}  // namespace vramcast::forecast
