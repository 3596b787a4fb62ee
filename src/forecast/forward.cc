#include <utility>

#include "forecast/graph.h"

namespace vramcast::forecast {
namespace {

class Forward {
 public:
  Forward(const Job& job, Workspaces* workspaces, Writer* writer)
      : job_(job),
        ws_(workspaces),
        w_(writer),
        unit_(job.unit()),
        stat_(4 * job.tokens()),
        head_stat_(4 * job.tokens() * job.heads()) {}

  Saved Run() {
    Embed();
    saved_.layers.resize(job_.layers.size());
    Norm(0);
    for (size_t i = 0; i < job_.layers.size(); ++i) {
      Layer(static_cast<int64_t>(i));
      if (job_.changes.checkpoints(static_cast<int64_t>(i))) Checkpoint(i);
    }
    Head();
    return std::move(saved_);
  }

 private:
  bool Fp8(int parameter) const {
    return parameter >= 0 && *job_.config.fp8 &&
           job_.shapes.parameters[static_cast<size_t>(parameter)].fp8;
  }
  int64_t Elements(int parameter) const {
    return job_.shapes.parameters[static_cast<size_t>(parameter)].elements();
  }
  // The 16-bit copy of a weight, kept for the backward pass; fp32 needs none, fp8 keeps none.
  AllocationId WeightCopy(int parameter, What what = What::kWeightCopy) {
    if (job_.fp32()) return {};
    return w_->Alloc(what, 2 * Elements(parameter));
  }
  void Product(int parameter) {
    if (!ws_->forward.valid()) ws_->forward = w_->Alloc(What::kWorkspace, job_.workspace());
    if (Fp8(parameter) && !ws_->forward_lt.valid()) {
      ws_->forward_lt = w_->Alloc(What::kWorkspace, Job::kLtWorkspace);
    }
  }
  // The output of a Linear whose input has `inputs` elements; `copy` receives the weight's copy.
  AllocationId Linear(int parameter, What what, int64_t bytes, int64_t inputs, AllocationId* copy) {
    if (!Fp8(parameter)) {
      *copy = WeightCopy(parameter);
      Product(parameter);
      return w_->Alloc(what, bytes);
    }
    Product(parameter);
    AllocationId input = w_->Alloc(What::kFp8Input, inputs);
    AllocationId weight = w_->Alloc(What::kFp8Input, Elements(parameter));
    const AllocationId out = w_->Alloc(what, bytes);
    w_->Free(input);
    w_->Free(weight);
    return out;
  }

  void Embed();
  void Norm(int64_t layer);
  void Value(int64_t layer, LayerSaved* s);
  void QueryKey(int64_t layer, LayerSaved* s);
  void Layer(int64_t layer);
  void Checkpoint(size_t layer);
  void Head();

  const Job& job_;
  Workspaces* ws_;
  Writer* w_;
  int64_t unit_, stat_, head_stat_;
  Saved saved_;
};

// Of a block that is computed again only its input is kept; the first one's is kept anyway.
void Forward::Checkpoint(size_t layer) {
  LayerSaved& s = saved_.layers[layer];
  const AllocationId input = layer > 0 ? w_->Alloc(What::kResidual, unit_) : AllocationId();
  FreeLayer(&s, w_);
  s.checkpoint = input;
}

void Forward::Embed() {
  saved_.embedded = w_->Alloc(What::kResidual, unit_);
  saved_.embedded_statistic = w_->Alloc(What::kNormStatistic, stat_);
  if (!job_.family().smear_backout) return;
  const int64_t positions = job_.batch() * (job_.seq() - 1);
  const int64_t channels = 24;
  if (!job_.fp32() && job_.batch() == 1) {
    // The slice of a single row is a view that a product takes: its whole origin is kept.
    saved_.smear_input = w_->Alloc(What::kSmear, unit_);
    saved_.smear_weight = w_->Alloc(What::kSmear, channels * job_.act());
  } else if (!job_.fp32()) {
    saved_.smear_weight = w_->Alloc(What::kSmear, channels * job_.act());
    // The slice keeps the strides of its origin, its contiguous copy is kept.
    AllocationId slice = w_->Alloc(What::kSmear, (job_.tokens() - 1) * channels * job_.act());
    saved_.smear_input = w_->Alloc(What::kSmear, positions * channels * job_.act());
    w_->Free(slice);
  }
  saved_.smear_gate = w_->Alloc(What::kSmear, positions * job_.act());
  Product(-1);
  saved_.residual = w_->Alloc(What::kResidual, unit_);
}

// The normalised input of a layer, from what the layer before it left.
void Forward::Norm(int64_t layer) {
  LayerSaved& s = saved_.layers[static_cast<size_t>(layer)];
  // Scaled residuals are kept until smear and backout made computing them again cheaper.
  if (job_.family().lambdas && !job_.family().smear_backout && layer > 0) {
    s.residual = w_->Alloc(What::kResidual, unit_);
  }
  s.statistic = w_->Alloc(What::kNormStatistic, stat_);
  const LayerParameters& p = job_.layers[static_cast<size_t>(layer)];
  // fp8 quantises the input and keeps it neither way, except where the gate reads it.
  if (!Fp8(p.c_q) || p.ve_gate >= 0) s.normed = w_->Alloc(What::kNormed, unit_);
}

void Forward::Value(int64_t layer, LayerSaved* s) {
  const LayerParameters& p = job_.layers[static_cast<size_t>(layer)];
  const int64_t inputs = job_.tokens() * job_.width();
  AllocationId value = Linear(p.c_v, What::kValueHead, unit_, inputs, &s->wv);
  if (p.value_embedding < 0) {
    s->value = value;
    return;
  }
  const int64_t channels = Elements(p.ve_gate) / job_.heads();
  if (!job_.fp32()) s->gate_weight = w_->Alloc(What::kGate, 2 * job_.heads() * channels);
  s->gate = w_->Alloc(What::kGate, job_.act() * job_.tokens() * job_.heads());
  if (job_.fp32()) {
    s->value = value;  // the sum is written in place
    return;
  }
  s->raw_value = value;
  s->value = w_->Alloc(What::kValueEmbedding, unit_);
}

void Forward::QueryKey(int64_t layer, LayerSaved* s) {
  const LayerParameters& p = job_.layers[static_cast<size_t>(layer)];
  const int64_t inputs = job_.tokens() * job_.width();
  const bool has_embedding = p.value_embedding >= 0;
  const bool autocast = job_.family().precision == nanochat::Precision::kAutocast;
  if (has_embedding) Value(layer, s);
  AllocationId query = Linear(p.c_q, What::kQueryKey, unit_, inputs, &s->wq);
  AllocationId key = Linear(p.c_k, What::kQueryKey, unit_, inputs, &s->wk);
  if (!has_embedding) Value(layer, s);
  if (autocast) {
    s->raw_query = query;
    s->rotated_key = w_->Alloc(What::kQueryKey, unit_);
    s->key_statistic = w_->Alloc(What::kNormStatistic, head_stat_);
    s->query = w_->Alloc(What::kQueryKey, unit_);
    s->query_statistic = w_->Alloc(What::kNormStatistic, head_stat_);
    s->key = w_->Alloc(What::kQueryKey, unit_);
    w_->Free(key);
    return;
  }
  s->rotated_query = w_->Alloc(What::kQueryKey, unit_);
  s->rotated_key = w_->Alloc(What::kQueryKey, unit_);
  s->query_statistic = w_->Alloc(What::kNormStatistic, head_stat_);
  s->key_statistic = w_->Alloc(What::kNormStatistic, head_stat_);
  s->query = w_->Alloc(What::kQueryKey, unit_);
  s->key = w_->Alloc(What::kQueryKey, unit_);
  w_->Free(query);
  w_->Free(key);
}

void Forward::Layer(int64_t layer) {
  LayerSaved& s = saved_.layers[static_cast<size_t>(layer)];
  const LayerParameters& p = job_.layers[static_cast<size_t>(layer)];
  const int64_t elements = job_.tokens() * job_.width();
  QueryKey(layer, &s);
  if (job_.masked(layer) && !saved_.mask.valid()) {
    saved_.mask = w_->Alloc(What::kMask, MaskBytes(job_));
  }
  s.attention = AttentionForward(job_, layer, w_);
  s.projection = Linear(p.c_proj, What::kProjection, unit_, elements, &s.wproj);
  s.mid_statistic = w_->Alloc(What::kNormStatistic, stat_);
  if (!Fp8(p.fc)) s.mid_normed = w_->Alloc(What::kNormed, unit_);
  s.hidden = Linear(p.fc, What::kMlpHidden, 4 * unit_, elements, &s.wfc);
  if (Fp8(p.mlp_proj)) {
    s.mlp_out = Linear(p.mlp_proj, What::kMlpOut, unit_, 4 * elements, &s.wout);
  } else {
    s.wout = WeightCopy(p.mlp_proj);
    s.activated = w_->Alloc(What::kMlpActivated, 4 * unit_);
    s.mlp_out = w_->Alloc(What::kMlpOut, unit_);
  }
  if (layer + 1 < static_cast<int64_t>(job_.layers.size())) {
    Norm(layer + 1);
    // In fp32 the sum is written over the projection where a value embedding follows.
    if (job_.fp32() && p.value_embedding >= 0) w_->Free(s.mlp_out);
  }
}

void Forward::Head() {
  saved_.final_statistic = w_->Alloc(What::kNormStatistic, stat_);
  const int64_t logits = job_.act() * job_.tokens() * job_.vocab();
  LayerSaved& last = saved_.layers.back();
  if (Fp8(job_.lm_head)) {
    Product(job_.lm_head);
    AllocationId input = w_->Alloc(What::kFp8Input, job_.tokens() * job_.width());
    AllocationId weight = w_->Alloc(What::kFp8Input, Elements(job_.lm_head));
    saved_.logits = w_->Alloc(What::kLogits, logits);
    w_->Free(input);
    w_->Free(weight);
  } else {
    // In fp32 the last norm is written over the last output.
    if (job_.fp32()) {
      w_->Free(last.mlp_out);
    } else {
      saved_.final_normed = w_->Alloc(What::kNormed, unit_);
    }
    saved_.head_weight = WeightCopy(job_.lm_head, What::kHeadWeightCopy);
    saved_.logits = w_->Alloc(What::kLogits, logits);
  }
  AllocationId maximum = w_->Alloc(What::kLossStatistic, stat_);
  AllocationId sum = w_->Alloc(What::kLossStatistic, stat_);
  saved_.value = w_->Alloc(What::kSmall, 4);
  saved_.loss.push_back(w_->Alloc(What::kSmall, 4));
  saved_.loss.push_back(maximum);
  saved_.loss.push_back(sum);
  // fp8 keeps one quantised input for each layer whose input is also read unquantised.
  for (size_t i = 0; i < job_.layers.size(); ++i) {
    LayerSaved& s = saved_.layers[i];
    if (Fp8(job_.layers[i].c_q) && job_.layers[i].ve_gate >= 0) {
      s.fp8_input = w_->Alloc(What::kFp8Input, job_.tokens() * job_.width());
    }
  }
}

}  // namespace

void FreeLayer(LayerSaved* saved, Writer* writer) {
  for (AllocationId* id : {&saved->residual,
                           &saved->statistic,
                           &saved->normed,
                           &saved->fp8_input,
                           &saved->wq,
                           &saved->wk,
                           &saved->wv,
                           &saved->wproj,
                           &saved->wfc,
                           &saved->wout,
                           &saved->raw_query,
                           &saved->rotated_query,
                           &saved->rotated_key,
                           &saved->query_statistic,
                           &saved->key_statistic,
                           &saved->query,
                           &saved->key,
                           &saved->raw_value,
                           &saved->value,
                           &saved->gate_weight,
                           &saved->gate,
                           &saved->attention.out,
                           &saved->attention.log_sum_exp,
                           &saved->attention.seed,
                           &saved->attention.offset,
                           &saved->projection,
                           &saved->mid_statistic,
                           &saved->mid_normed,
                           &saved->hidden,
                           &saved->activated,
                           &saved->mlp_out,
                           &saved->checkpoint}) {
    writer->Free(*id);
  }
  writer->Free(saved->attention.scores);
}

Saved ForwardPass(const Job& job, Workspaces* workspaces, Writer* writer) {
  return Forward(job, workspaces, writer).Run();
}

}  // namespace vramcast::forecast
