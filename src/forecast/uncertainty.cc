#include "forecast/uncertainty.h"

#include <algorithm>

#include "forecast/core_batch.h"
#include "forecast/label.h"
#include "forecast/staging.h"
#include "nanochat/family.h"

namespace vramcast::forecast {
namespace {

using nanochat::Certainty;
using nanochat::Stage;

Bytes Share(Bytes whole, double share) {
  return Bytes(static_cast<int64_t>(static_cast<double>(whole.count()) * share));
}

Bytes OfLabel(const Trace& trace, const Run& run, What what) {
  Bytes sum;
  for (const LabelBytes& label : run.composition.by_label) {
    if (label.label.valid() && trace.labels[label.label.value].name == InfoOf(what).name) {
      sum += label.bytes;
    }
  }
  return sum;
}

class Collector {
 public:
  void Add(std::string reason, Bytes low, Bytes high) {
    if (low <= Bytes(0) && high <= Bytes(0)) return;
    list_.push_back({std::move(reason), std::max(low, Bytes(0)), std::max(high, Bytes(0))});
  }
  std::vector<Uncertainty> Take() && { return std::move(list_); }

 private:
  std::vector<Uncertainty> list_;
};

// A forward pass this small may be over before the thread wakes, or the thread before it.
constexpr int64_t kFewTokens = 4096;

// Calls each(tensors in the group, padded to the ranks; tensors of this rank; bytes of one).
template <typename Each>
void ForMuonGroups(const Job& job, Each each) {
  for (const nanochat::Group& group : job.shapes.groups) {
    if (group.kind != nanochat::UpdateKind::kMuon || group.parameters.empty()) continue;
    const auto& first = job.shapes.parameters[static_cast<size_t>(group.parameters.front())];
    const int64_t padded =
        nanochat::PaddedCount(static_cast<int64_t>(group.parameters.size()), job.world());
    each(padded, padded / job.world(), first.bytes());
  }
}

// One step's gathers of stacked matrices, outputs and inputs.
Bytes Gathers(const Job& job) {
  Bytes sum;
  ForMuonGroups(job, [&](int64_t padded, int64_t own, Bytes one) { sum += (padded + own) * one; });
  return sum;
}

// The newest work, which is held longest.
Bytes LastGather(const Job& job) {
  Bytes last;
  ForMuonGroups(job, [&](int64_t padded, int64_t own, Bytes one) { last = (padded + own) * one; });
  return last;
}

// All that one step hands to collectives: the gathers, the shards of stacked gradients, and AdamW's
// gradients with their shards.
Bytes StagedSet(const Job& job) {
  Bytes sum = Gathers(job);
  ForMuonGroups(job, [&](int64_t, int64_t own, Bytes one) { sum += own * one; });
  for (const nanochat::Group& group : job.shapes.groups) {
    if (group.kind != nanochat::UpdateKind::kAdamW) continue;
    for (const int index : group.parameters) {
      const Bytes one = job.shapes.parameters[static_cast<size_t>(index)].bytes();
      sum += one + one / job.world();
    }
  }
  return sum;
}

}  // namespace

std::vector<Uncertainty> Uncertainties(const Job& job, const Request& request, const Trace& trace,
                                       const Run& run) {
  Collector list;
  const Bytes peak = run.peak.allocated;
  const nanochat::Family& family = job.family();
  list.Add("versions of PyTorch and its compiler differ a little", Share(peak, 0.004),
           Share(peak, 0.004) + Bytes(24 << 20));
  switch (job.config.revision.certainty) {
    case Certainty::kExact:
      break;
    case Certainty::kModified:
      list.Add("the code was modified", Share(peak, 0.02), Share(peak, 0.03));
      break;
    case Certainty::kNearest:
      list.Add("the revision is not known; the nearest one was taken", Share(peak, 0.04),
               Share(peak, 0.06));
      break;
  }
  if (!request.card) {
    list.Add("no GPU was named: Hopper was assumed", Share(peak, 0.005) + Bytes(48 << 20),
             Share(peak, 0.005));
  }
  const Bytes staged = run.composition.by_category[static_cast<size_t>(Category::kCommunication)];
  if (job.world() > 1 && staged > Bytes(0)) {
    const char* const kReason =
        "how long collectives' tensors are held depends on NCCL's watchdog thread";
    switch (LingeringOf(job)) {
      case Lingering::kAll:
        list.Add(kReason, StagedSet(job), Bytes(0));
        break;
      case Lingering::kGathers:
        list.Add(kReason, Gathers(job), StagedSet(job) - Gathers(job));
        break;
      case Lingering::kLastGather:
        list.Add(kReason, LastGather(job), Bytes(0));
        break;
      case Lingering::kNone:
        if (family.muon == nanochat::MuonStyle::kStacked) {
          const Lingering most = WithinRound(job);
          list.Add(kReason, job.tokens() < kFewTokens ? StagedSet(job) / 4 : Bytes(0),
                   most == Lingering::kAll       ? StagedSet(job)
                   : most == Lingering::kGathers ? Gathers(job)
                                                 : LastGather(job));
        }
        break;
    }
  }
  if (run.peak.event < trace.events.size()) {
    const Phase phase = trace.events[run.peak.event].phase;
    if (phase == Phase::kCoreMetric) {
      const double spread = CoreBatchSpread(*job.config.core_metric_max_per_task);
      list.Add("the longest CORE batch depends on the tokenizer and on the rank",
               Share(peak, spread), Share(peak, spread));
    } else if (phase == Phase::kSampling || phase == Phase::kInference) {
      list.Add("eager passes depend on the prompts", Share(peak, 0.1), Share(peak, 0.15));
    }
  }
  const bool eager = job.config.stage == Stage::kRl ||
                     (job.config.stage == Stage::kSft && family.sft == nanochat::SftStyle::kPadded);
  if (eager) {
    list.Add("rows are as long as the data: the longest was assumed", Share(peak, 0.4),
             Share(peak, 0.05));
  }
  list.Add("attention without a fused kernel", OfLabel(trace, run, What::kAttentionScores) / 4,
           OfLabel(trace, run, What::kAttentionScores) / 4);
  if (*job.config.fp8 && family.fp8 != nanochat::Fp8::kOwn) {
    list.Add("fp8 by torchao, or before its tensors were saved quantised, was not traced",
             Share(peak, 0.03), Share(peak, 0.05));
  }
  if (job.fp32()) {
    list.Add("fp32 keeps fewer sums: which ones was seen on one size only", Share(peak, 0.005),
             Share(peak, 0.005));
  }
  if (request.changes.checkpoint_every > 0 || request.changes.chunked_loss) {
    list.Add("what the compiler keeps of changed code was seen at small sizes only",
             Share(peak, 0.05), Share(peak, 0.05));
  }
  return std::move(list).Take();
}

}  // namespace vramcast::forecast
