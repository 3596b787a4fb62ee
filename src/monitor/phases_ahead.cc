#include "monitor/phases_ahead.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "forecast/outside.h"
#include "forecast/program.h"
#include "forecast/resolve.h"
#include "monitor/segments.h"
#include "nanochat/plan.h"

namespace vramcast::monitor {
namespace {

using nanochat::PlannedAction;

// After so many steps everything that a step allocates has been allocated once.
constexpr int64_t kSettled = 2;
Phase PhaseOf(nanochat::Action action) {
  switch (action) {
    case nanochat::Action::kEvaluateLoss:
    case nanochat::Action::kChatLogits:
    case nanochat::Action::kChatGenerate:
      return Phase::kEvaluation;
    case nanochat::Action::kCoreMetric:
      return Phase::kCoreMetric;
    case nanochat::Action::kSample:
      return Phase::kSampling;
    case nanochat::Action::kSave:
      return Phase::kSave;
    default:
      return Phase::kUnknown;  // the steps themselves, and what stands before them
  }
}

}  // namespace

std::string_view VerdictName(PhaseVerdict verdict) {
  switch (verdict) {
    case PhaseVerdict::kFits:
      return "fits";
    case PhaseVerdict::kMayFail:
      return "may_fail";
    case PhaseVerdict::kWillFail:
      break;
  }
  return "will_fail";
}

struct PhasesAhead::Impl {
  forecast::Forecast forecast;
  nanochat::RunConfig config;
  Trace trace;
  AllocatorSettings settings;
  forecast::Outside outside;
  std::vector<Segment> segments;
  // The phases that come back, each time that the trace has it, in its order.
  struct Visit {
    Phase phase;
    int64_t step;  // kLastStep where the number of steps is not known
    size_t segment;
  };
  std::vector<Visit> visits;
  // By room and what lies beside PyTorch, in MiB.
  mutable std::map<std::pair<int64_t, int64_t>, std::vector<SegmentUse>> played;

  int64_t begun() const { return std::max<int64_t>(*config.resume_from_step, 0); }
  void FindVisits();
  const std::vector<SegmentUse>& Play(Bytes room, Bytes beside) const;
  // What a phase needs of the device where this process may take `room`.
  Bytes Needs(const UpcomingPhase& phase, int64_t now, Bytes room, Bytes beside) const;
  // The segments that stand for a phase that is to come.
  std::vector<size_t> SegmentsFor(const UpcomingPhase& phase, int64_t now) const;
  // What the process is expected to hold by now.
  Bytes Expected(int64_t now, Bytes room) const;
  // The number of steps; nothing where it is not known.
  std::optional<int64_t> LastStep(const Standing& standing) const;
  // What is still to come, without verdicts, in the order of steps.
  std::vector<UpcomingPhase> Plan(const Standing& standing) const;
};

void PhasesAhead::Impl::FindVisits() {
  size_t next = 0;
  for (const PlannedAction& planned : nanochat::PlanOf(config)) {
    const Phase phase = PhaseOf(planned.action);
    if (phase == Phase::kUnknown) continue;
    // Two actions of one phase in a row are one segment.
    const bool goes_on =
        !visits.empty() && visits.back().phase == phase && visits.back().step == planned.step;
    if (goes_on) continue;
    while (next < segments.size() && segments[next].phase != phase) ++next;
    if (next == segments.size()) return;
    visits.push_back({phase, planned.step, next++});
  }
}

const std::vector<SegmentUse>& PhasesAhead::Impl::Play(Bytes room, Bytes beside) const {
  // To the MiB: so the ranks of a run share what is played.
  constexpr int64_t kMiB = 1 << 20;
  constexpr size_t kMostPlayed = 64;
  const auto key = std::pair(std::max<int64_t>(room.count(), 0) / kMiB,
                             (std::max<int64_t>(beside.count(), 0) + kMiB - 1) / kMiB);
  const auto known = played.find(key);
  if (known != played.end()) return known->second;
  if (played.size() >= kMostPlayed) played.clear();
  return played[key] = PlaySegments(trace, segments, settings, Bytes(key.first * kMiB),
                                    Bytes(key.second * kMiB));
}

std::vector<size_t> PhasesAhead::Impl::SegmentsFor(const UpcomingPhase& phase, int64_t now) const {
  std::vector<size_t> found;
  if (phase.phase == Phase::kTrainStep) {
    for (size_t i = 0; i < segments.size(); ++i) {
      const Phase one = segments[i].phase;
      if (one == Phase::kFirstForward || one == Phase::kFirstBackward ||
          one == Phase::kFirstOptimizerStep || one == Phase::kTrainStep) {
        found.push_back(i);
      }
    }
    return found;
  }
  // The first time that is still to come; what comes back after that is like the last time.
  for (const Visit& visit : visits) {
    if (visit.phase != phase.phase) continue;
    const bool to_come = visit.step == PlannedAction::kLastStep || visit.step > now;
    found = {visit.segment};
    if (to_come && !phase.at_end) return found;
  }
  return found;
}

Bytes PhasesAhead::Impl::Needs(const UpcomingPhase& phase, int64_t now, Bytes room,
                               Bytes beside) const {
  // A forecast that is too high by more than what lies beside PyTorch counts as more room.
  const Bytes spare = std::max(-beside, Bytes(0));
  room += spare;
  beside += spare;
  const std::vector<SegmentUse>& uses = Play(room, beside);
  Bytes needs;
  for (const size_t i : SegmentsFor(phase, now)) {
    const SegmentUse& use = uses[i];
    needs = std::max(needs, use.lacks > Bytes(0) ? room + use.lacks : use.reserved + beside);
  }
  return needs - spare;
}

Bytes PhasesAhead::Impl::Expected(int64_t now, Bytes room) const {
  size_t end = segments.size();
  for (const Visit& visit : visits) {
    if (visit.step != PlannedAction::kLastStep && visit.step <= now) continue;
    end = visit.segment;
    break;
  }
  const std::vector<SegmentUse>& uses = Play(room, outside.usual);
  Bytes expected;
  for (size_t i = 0; i < end; ++i) expected = std::max(expected, uses[i].reserved);
  return expected + outside.usual;
}

PhasesAhead::PhasesAhead(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PhasesAhead::PhasesAhead(PhasesAhead&&) noexcept = default;
PhasesAhead& PhasesAhead::operator=(PhasesAhead&&) noexcept = default;
PhasesAhead::~PhasesAhead() = default;

Result<PhasesAhead> PhasesAhead::Make(const forecast::Request& request) {
  auto forecast = forecast::Make(request);
  if (!forecast) return tl::make_unexpected(forecast.error());
  const auto job = forecast::ResolveJob(request);
  if (!job) return tl::make_unexpected(job.error());
  auto impl = std::make_unique<Impl>();
  impl->forecast = *std::move(forecast);
  impl->config = job->config;
  impl->trace = forecast::WriteProgram(*job);
  impl->settings = forecast::SettingsOf(*job);
  impl->outside = forecast::Sum(impl->forecast.outside);
  impl->segments = SegmentsOf(impl->trace);
  impl->FindVisits();
  return PhasesAhead(std::move(impl));
}

const forecast::Forecast& PhasesAhead::forecast() const { return impl_->forecast; }

std::optional<int64_t> PhasesAhead::Impl::LastStep(const Standing& standing) const {
  if (standing.total) return standing.total;
  return *config.num_iterations > 0 ? std::optional(*config.num_iterations) : std::nullopt;
}

std::vector<UpcomingPhase> PhasesAhead::Impl::Plan(const Standing& standing) const {
  std::vector<UpcomingPhase> ahead;
  const int64_t now = standing.step.value_or(begun());
  const auto last = LastStep(standing);
  if (last && now >= *last) return ahead;
  if (standing.step && now - begun() < kSettled)
    ahead.push_back({.phase = Phase::kTrainStep, .step = begun()});
  nanochat::RunConfig from_here = config;
  from_here.resume_from_step.value = now;
  if (last) from_here.num_iterations.value = *last;
  for (const PlannedAction& planned : nanochat::PlanOf(from_here)) {
    const Phase phase = PhaseOf(planned.action);
    if (phase == Phase::kUnknown || (planned.master_only && !standing.is_master)) continue;
    const bool at_end = planned.step == PlannedAction::kLastStep || (last && planned.step == *last);
    if (!at_end && planned.step <= now) continue;
    const bool listed = std::any_of(ahead.begin(), ahead.end(),
                                    [phase](const auto& one) { return one.phase == phase; });
    if (listed) continue;
    ahead.push_back({.phase = phase, .at_end = at_end});
    ahead.back().step = at_end ? last : planned.step;
  }
  std::stable_sort(ahead.begin(), ahead.end(), [](const auto& a, const auto& b) {
    return a.step.value_or(INT64_MAX) < b.step.value_or(INT64_MAX);
  });
  return ahead;
}

std::optional<Bytes> PhasesAhead::Correction(const Standing& standing) const {
  if (!standing.mine || !standing.step) return std::nullopt;
  if (*standing.step - impl_->begun() < kSettled) return std::nullopt;
  const Bytes held = std::max(standing.peak, *standing.mine);
  return held - impl_->Expected(*standing.step, standing.capacity - standing.others);
}

std::vector<UpcomingPhase> PhasesAhead::Ahead(const Standing& standing) const {
  const Impl& impl = *impl_;
  const auto correction = Correction(standing);
  const Bytes room = standing.capacity - standing.others;
  // Once it is measured, what lies outside PyTorch is known; the rest of the doubt stays.
  const Bytes below = impl.forecast.peak_allocated - impl.forecast.interval.low;
  const Bytes above = impl.forecast.interval.high - impl.forecast.peak_allocated;
  const Bytes off = correction.value_or(Bytes(0));
  const Bytes usual = impl.outside.usual + off;
  const Bytes low = (correction ? usual : impl.outside.low) - below;
  const Bytes high = (correction ? usual : impl.outside.high) + above;

  std::vector<UpcomingPhase> ahead = impl.Plan(standing);
  for (UpcomingPhase& one : ahead) {
    one.room = room;
    // A leak goes on until then.
    const int64_t now = standing.step.value_or(0);
    const auto steps = static_cast<double>(std::max<int64_t>(one.step.value_or(now) - now, 0));
    const Bytes leaked(std::llround(std::max(standing.growth_per_step, 0.0) * steps));
    const auto needs = [&](Bytes beside) { return impl.Needs(one, now, room, beside + leaked); };
    one.needs_high = needs(high);
    one.needs = one.needs_low = one.needs_high;
    if (one.needs_high <= room) continue;
    one.needs = needs(usual);
    one.needs_low = needs(low);
    one.verdict = one.needs_low > room ? PhaseVerdict::kWillFail : PhaseVerdict::kMayFail;
    one.short_by = (one.needs > room ? one.needs : one.needs_high) - room;
  }
  return ahead;
}

}  // namespace vramcast::monitor
