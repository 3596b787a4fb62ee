#include "forecast/recompute.h"

#include "forecast/attention.h"

namespace vramcast::forecast {

void Recompute::Block(int64_t layer) {
  if (shared_.empty()) {
    Activations();
    AttentionSaved attention = AttentionForward(job_, layer, w_);
    for (const AllocationId id :
         {attention.out, attention.log_sum_exp, attention.seed, attention.offset}) {
      if (id.valid()) shared_.push_back(id);
    }
    shared_.insert(shared_.end(), attention.scores.begin(), attention.scores.end());
    Temporaries();
  }
}

// Under autocast rotated queries and keys are made in fp32, and the raw ones' buffers serve what
// follows; with a compute dtype both stay, and output projection and second norm use them.
void Recompute::Activations() {
  const bool autocast = job_.family().precision == nanochat::Precision::kAutocast;
  const int64_t unit = job_.unit(), statistic = 4 * job_.tokens();
  const auto keep = [&](What what, int64_t bytes) { shared_.push_back(w_->Alloc(what, bytes)); };
  keep(What::kNormStatistic, statistic);
  keep(What::kNormed, unit);
  if (!job_.fp32()) keep(What::kWeightCopy, 2 * 12 * job_.width() * job_.width());
  for (int i = 0; i < 2; ++i) keep(What::kQueryKey, unit);
  keep(What::kValueHead, unit);
  const int64_t rotated = autocast ? 4 * job_.tokens() * job_.width() : unit;
  for (int i = 0; i < 2; ++i) {
    keep(What::kQueryKey, rotated);
    keep(What::kNormStatistic, statistic * job_.heads());
  }
  for (int i = 0; i < 2 && !autocast; ++i) keep(What::kQueryKey, unit);
  keep(What::kNormStatistic, statistic);
  keep(What::kMlpHidden, 4 * unit);
  keep(What::kMlpActivated, 4 * unit);
}

// Gradients of the rotation, in fp32 and by halves.
void Recompute::Temporaries() {
  if (job_.family().precision != nanochat::Precision::kAutocast || job_.fp32()) return;
  const int64_t unit = job_.unit();
  for (int i = 0; i < 2; ++i) {
    shared_.push_back(w_->Alloc(What::kActivationGradient, 4 * job_.tokens() * job_.width()));
  }
  for (int i = 0; i < 4; ++i) shared_.push_back(w_->Alloc(What::kActivationGradient, unit / 2));
  for (int i = 0; i < 3; ++i) shared_.push_back(w_->Alloc(What::kActivationGradient, unit));
}

void Recompute::Release() { w_->Free(shared_); }

}  // namespace vramcast::forecast
