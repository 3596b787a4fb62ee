#include "forecast/sweep.h"

#include <algorithm>
#include <utility>

#include "forecast/measure.h"
#include "forecast/resolve.h"

namespace vramcast::forecast {
namespace {

Job WithMultiprocessors(Job job, const gpu::Card& card) {
  if (card.capability) job.multiprocessors = card.multiprocessors.value_or(Job().multiprocessors);
  return job;
}

}  // namespace

Result<const Sweep::Kind*> Sweep::KindOf(const gpu::Card& card) {
  const Kind* sibling = nullptr;
  for (const Kind& kind : kinds_) {
    if (kind.capability != card.capability) continue;
    if (kind.any_size || kind.multiprocessors == card.multiprocessors) return &kind;
    sibling = &kind;
  }
  // Of one capability only the number of multiprocessors differs.
  Result<Job> job = sibling ? WithMultiprocessors(sibling->job, card) : ResolveJob(request_);
  if (!job) return tl::make_unexpected(job.error());
  const Key key{job->card_traits(), LingeringOf(*job)};
  auto found = std::find_if(recordings_.begin(), recordings_.end(),
                            [&](const auto& one) { return one.key == key; });
  if (found == recordings_.end()) {
    recordings_.push_back({key, RecordJob(*job), {}});
    found = std::prev(recordings_.end());
  }
  Kind kind;
  kind.capability = card.capability;
  kind.multiprocessors = card.multiprocessors;
  kind.any_size = job->world() == 1 && key.traits.key_splits == 0;
  kind.measured = Measure(*job, request_, found->recording);
  kind.job = std::move(*job);
  kind.recording = static_cast<size_t>(found - recordings_.begin());
  kinds_.push_back(std::move(kind));
  return &kinds_.back();
}

Result<Point> Sweep::At(int64_t depth, int64_t device_batch_size, const gpu::Card& card) {
  if (request_.flags.depth != depth || request_.flags.device_batch_size != device_batch_size) {
    request_.flags.depth = depth;
    request_.flags.device_batch_size = device_batch_size;
    kinds_.clear();
    recordings_.clear();
  }
  request_.card = card;
  request_.total.reset();
  const Result<Forecast> forecast = Judged(card);
  if (!forecast) return tl::make_unexpected(forecast.error());
  return Point{.depth = depth,
               .device_batch_size = device_batch_size,
               .card = card.name,
               .capacity = card.total,
               .peak_phase = forecast->peak_phase,
               .peak_allocated = forecast->peak_allocated,
               .peak_reserved = forecast->peak_reserved,
               .peak_device = forecast->peak_device,
               .interval = forecast->interval,
               .device_interval = forecast->device_interval,
               .fits = forecast->fits,
               .refused = forecast->refused};
}

Result<Forecast> Sweep::Judged(const gpu::Card& card) {
  // A calibration is by card: nothing is shared then.
  if (request_.calibration) return Make(request_);
  const Result<const Kind*> kind = KindOf(card);
  if (!kind) return tl::make_unexpected(kind.error());
  Forecast forecast = (*kind)->measured;
  Shared& shared = recordings_[(*kind)->recording];
  JudgeOnCard((*kind)->job, request_, shared.recording, Detail::kFits, &forecast, &shared.deaths);
  return forecast;
}

}  // namespace vramcast::forecast
