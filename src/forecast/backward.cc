#include <utility>

#include "forecast/graph.h"
#include "forecast/recompute.h"

namespace vramcast::forecast {
namespace {

// How many gradients of queries, keys and values stay alive after their layer: Inductor puts off
// the additions into the residual stream's gradient, and hands their buffers on. Seen in traces:
// one before scaled residuals, six (two layers' worth) since.
constexpr size_t kCarriedPlain = 1;
constexpr size_t kCarriedScaled = 6;

class Backward {
 public:
  Backward(const Job& job, Saved* saved, Workspaces* workspaces, Writer* writer)
      : job_(job),
        saved_(*saved),
        ws_(workspaces),
        w_(writer),
        unit_(job.unit()),
        recompute_(job, writer),
        gradients_(job.shapes.parameters.size()) {}

  std::vector<AllocationId> Run() {
    Head();
    for (int64_t i = static_cast<int64_t>(job_.layers.size()) - 1; i >= 0; --i) Layer(i);
    Embedding();
    return std::move(gradients_);
  }

 private:
  bool fp8() const { return *job_.config.fp8; }
  const nanochat::Parameter& Parameter(int index) const {
    return job_.shapes.parameters[static_cast<size_t>(index)];
  }
  int64_t Elements(int index) const { return Parameter(index).elements(); }
  void Gradient(int index) {
    if (index < 0) return;
    gradients_[static_cast<size_t>(index)] =
        w_->Alloc(What::kGradient, Parameter(index).bytes().count());
  }
  // The head's 16-bit gradient, once cast, becomes the first table's gradient of the same size.
  void TableGradient(int index) {
    if (head_product_.valid() && 2 * Elements(job_.lm_head) == Parameter(index).bytes().count()) {
      gradients_[static_cast<size_t>(index)] = std::exchange(head_product_, {});
    } else {
      Gradient(index);
    }
  }
  // A product in 16 bits lands in a buffer of its own before the cast to fp32; one buffer a size
  // serves the whole pass.
  void Scratch(AllocationId* buffer, int index) {
    if (!job_.fp32() && !buffer->valid()) {
      *buffer = w_->Alloc(What::kLowPrecisionGradient, 2 * Elements(index));
    }
  }

  void Head();
  void FinishHead();
  void Fp8Head();
  void Mlp(int64_t layer);
  void Attention(int64_t layer);
  void ValueEmbedding(int64_t layer);
  void Layer(int64_t layer);
  void Embedding();

  const Job& job_;
  Saved& saved_;
  Workspaces* ws_;
  Writer* w_;
  int64_t unit_;
  Recompute recompute_;
  std::vector<AllocationId> gradients_;
  AllocationId stream_;   // gradient of the residual stream
  AllocationId backout_;  // gradient towards the middle of the network
  AllocationId hidden_;   // gradient of the MLP's hidden values
  AllocationId scratch_mlp_, scratch_attention_;
  AllocationId accumulator_;   // fp32, of embedding gradients, one for all
  AllocationId head_product_;  // 16-bit gradient of the head
  std::vector<AllocationId> rotated_, wide_, carried_;
};

void Backward::Head() {
  const int64_t head = Elements(job_.lm_head);
  if (Parameter(job_.lm_head).fp8 && fp8()) {
    Fp8Head();
    return FinishHead();
  }
  w_->Touch(What::kLogitsGradient, job_.cut_logits_bytes());
  if (job_.fp32()) {
    // In fp32 the gradient of the logits gets a buffer of its own.
    AllocationId gradient = w_->Alloc(What::kLogitsGradient, 4 * job_.tokens() * job_.vocab());
    w_->Free(saved_.logits);
    Gradient(job_.lm_head);
    if (!ws_->backward.valid()) ws_->backward = w_->Alloc(What::kWorkspace, job_.workspace());
    stream_ = w_->Alloc(What::kActivationGradient, unit_);
    w_->Free(gradient);
  } else {
    head_product_ = w_->Alloc(What::kLowPrecisionGradient, 2 * head);
    if (!ws_->backward.valid()) ws_->backward = w_->Alloc(What::kWorkspace, job_.workspace());
    w_->Free(saved_.final_normed);
    stream_ = w_->Alloc(What::kActivationGradient, unit_);
    w_->Free(saved_.logits);
    w_->Free(saved_.head_weight);
    Gradient(job_.lm_head);
  }
  FinishHead();
}

void Backward::FinishHead() {
  // Where every block is computed again the gradient towards the middle is fused into its use.
  if (job_.family().smear_backout && job_.changes.checkpoint_every != 1)
    backout_ = w_->Alloc(What::kActivationGradient, unit_);
}

// Quantised gradients of the logits in both layouts, beside the fp32 gradient that they come from.
// Of cut logits that one has a shape of its own, and the first layout is padded in fp32 in its
// place.
void Backward::Fp8Head() {
  const int64_t logits = job_.tokens() * job_.vocab();
  const int64_t head = Elements(job_.lm_head);
  const int64_t cut = job_.cut_logits_bytes();
  AllocationId gradient = w_->Alloc(What::kLogitsGradient, cut > 0 ? cut : 4 * logits);
  AllocationId quantised = w_->Alloc(What::kLogitsGradient, cut > 0 ? 4 * logits : logits);
  AllocationId transposed = w_->Alloc(What::kLogitsGradient, logits);
  w_->Free(saved_.logits);
  w_->Free(gradient);
  AllocationId weight = w_->Alloc(What::kFp8Input, head);
  stream_ = w_->Alloc(What::kActivationGradient, unit_);
  if (!ws_->backward.valid()) ws_->backward = w_->Alloc(What::kWorkspace, job_.workspace());
  if (!ws_->backward_lt.valid()) {
    ws_->backward_lt = w_->Alloc(What::kWorkspace, Job::kLtWorkspace);
  }
  w_->Free(quantised);
  w_->Free(weight);
  AllocationId input = w_->Alloc(What::kFp8Input, job_.tokens() * job_.width());
  head_product_ = w_->Alloc(What::kLowPrecisionGradient, 2 * head);
  w_->Free(transposed);
  w_->Free(input);
  Gradient(job_.lm_head);
}

void Backward::Mlp(int64_t layer) {
  LayerSaved& s = saved_.layers[static_cast<size_t>(layer)];
  const LayerParameters& p = job_.layers[static_cast<size_t>(layer)];
  w_->Free(s.mlp_out);
  Scratch(&scratch_mlp_, p.fc);
  w_->Free(s.activated);
  if (!hidden_.valid()) hidden_ = w_->Alloc(What::kActivationGradient, 4 * unit_);
  w_->Free(s.wout);
  Gradient(p.mlp_proj);
  w_->Free(s.hidden);
  w_->Free(s.mid_normed);
  w_->Free(s.wfc);
  Gradient(p.fc);
  w_->Free(s.projection);
  w_->Free(s.mid_statistic);
  Scratch(&scratch_attention_, p.c_proj);
  w_->Free(s.wproj);
  Gradient(p.c_proj);
}

void Backward::Attention(int64_t layer) {
  LayerSaved& s = saved_.layers[static_cast<size_t>(layer)];
  std::vector<AllocationId> gradients = AttentionBackward(job_, layer, w_);
  w_->Free(s.attention.out);
  w_->Free(s.attention.log_sum_exp);
  w_->Free(s.attention.seed);
  w_->Free(s.attention.offset);
  w_->Free(s.attention.scores);
  w_->Free(s.query);
  w_->Free(s.key);
  w_->Free(s.value);
  const bool halves = job_.family().smear_backout && rotated_.empty() && !job_.fp32();
  for (int i = 0; halves && i < 4; ++i) {
    rotated_.push_back(w_->Alloc(What::kActivationGradient, unit_ / 2));
  }
  w_->Free(s.raw_query);
  w_->Free(s.rotated_query);
  w_->Free(s.rotated_key);
  w_->Free(s.query_statistic);
  w_->Free(s.key_statistic);
  carried_.insert(carried_.end(), gradients.begin(), gradients.end());
}

void Backward::ValueEmbedding(int64_t layer) {
  LayerSaved& s = saved_.layers[static_cast<size_t>(layer)];
  const LayerParameters& p = job_.layers[static_cast<size_t>(layer)];
  if (p.value_embedding < 0) return;
  // bf16 gradients are summed in fp32; fp32 ones directly in the gradient.
  if (Parameter(p.value_embedding).dtype != nanochat::Dtype::kFp32 && !accumulator_.valid()) {
    accumulator_ = w_->Alloc(What::kEmbeddingAccumulator, 4 * Elements(p.value_embedding));
  }
  w_->Free(s.raw_value);
  w_->Free(s.gate);
  w_->Free(s.gate_weight);
  Gradient(p.ve_gate);
  TableGradient(p.value_embedding);
}

void Backward::Layer(int64_t layer) {
  LayerSaved& s = saved_.layers[static_cast<size_t>(layer)];
  const LayerParameters& p = job_.layers[static_cast<size_t>(layer)];
  if (job_.changes.checkpoints(layer)) recompute_.Block(layer);
  Mlp(layer);
  Attention(layer);
  ValueEmbedding(layer);
  w_->Free(s.wv);
  Gradient(p.c_v);
  w_->Free(s.wk);
  Gradient(p.c_k);
  w_->Free(s.normed);
  w_->Free(s.fp8_input);
  w_->Free(s.wq);
  Gradient(p.c_q);
  // Contributions to the first residual are summed in fp32 beside the stream.
  if (job_.family().smear_backout && wide_.empty() && !job_.fp32()) {
    for (int i = 0; i < 2; ++i) {
      wide_.push_back(w_->Alloc(What::kActivationGradient, 4 * job_.tokens() * job_.width()));
    }
  }
  w_->Free(s.residual);
  w_->Free(s.statistic);
  w_->Free(s.checkpoint);
  const size_t carried = job_.family().lambdas ? kCarriedScaled : kCarriedPlain;
  const size_t keep = job_.changes.checkpoints(layer) ? 0 : carried;
  while (carried_.size() > keep) {
    w_->Free(carried_.front());
    carried_.erase(carried_.begin());
  }
}

void Backward::Embedding() {
  recompute_.Release();
  for (const int scalar : job_.scalars) Gradient(scalar);
  Gradient(job_.smear_gate);
  w_->Free(scratch_mlp_);
  w_->Free(scratch_attention_);
  w_->Free(hidden_);
  w_->Free(rotated_);
  w_->Free(carried_);
  w_->Free(wide_);
  w_->Free(saved_.mask);
  w_->Free(saved_.residual);
  w_->Free(saved_.smear_input);
  w_->Free(saved_.smear_gate);
  w_->Free(saved_.smear_weight);
  const bool cast = Parameter(job_.wte).dtype != nanochat::Dtype::kFp32;
  if (cast && !accumulator_.valid()) {
    accumulator_ = w_->Alloc(What::kEmbeddingAccumulator, 4 * Elements(job_.wte));
  }
  w_->Free(backout_);
  w_->Free(stream_);
  w_->Free(saved_.embedded);
  w_->Free(saved_.embedded_statistic);
  w_->Free(saved_.final_statistic);
  w_->Free(saved_.loss);
  if (job_.bigram >= 0) {
    // Five vocabularies' rows take an accumulator of their own.
    AllocationId wide = w_->Alloc(What::kEmbeddingAccumulator, 4 * Elements(job_.bigram));
    Gradient(job_.bigram);
    w_->Free(wide);
  }
  TableGradient(job_.wte);
  w_->Free(head_product_);
  w_->Free(accumulator_);
}

}  // namespace

std::vector<AllocationId> BackwardPass(const Job& job, Saved* saved, Workspaces* workspaces,
                                       Writer* writer) {
  return Backward(job, saved, workspaces, writer).Run();
}

}  // namespace vramcast::forecast
