#include "forecast/verdict.h"

#include <algorithm>
#include <array>

namespace vramcast::forecast {
namespace {

struct Death {
  bool dies = false;
  Phase phase = Phase::kUnknown;
};

// Whether the run survives on the card with `outside` taken beside the allocator. The allocator
// gives cached memory back before it dies, so reserved memory alone does not decide.
Death DeathOn(const Trace& trace, const AllocatorSettings& settings, Bytes capacity,
              Bytes outside) {
  const Run run = Play(trace, settings, {.total = capacity, .context = outside});
  if (!run.oom) return {};
  return {true, run.oom->event < trace.events.size() ? trace.events[run.oom->event].phase
                                                     : Phase::kUnknown};
}

}  // namespace

void ReadPhases(const Run& run, const Trace& trace, Forecast* forecast) {
  std::array<bool, kPhaseCount> seen = {};
  for (const Event& event : trace.events) {
    const auto index = static_cast<size_t>(event.phase);
    if (seen[index] || !run.phases[index]) continue;
    seen[index] = true;
    forecast->phases.push_back(
        {event.phase, run.phases[index]->allocated, run.phases[index]->reserved});
  }
  forecast->peak_phase =
      run.peak.event < trace.events.size() ? trace.events[run.peak.event].phase : Phase::kModelInit;
}

void Judge(const Trace& trace, const AllocatorSettings& settings, const Outside& outside,
           std::optional<Bytes> asked_margin, Detail detail, Forecast* forecast) {
  forecast->margin = asked_margin.value_or(Bytes(0));
  const Bytes spread = forecast->interval.high - forecast->peak_allocated;
  Bytes high = forecast->peak_reserved + outside.high + spread;
  Bytes low =
      forecast->peak_reserved + outside.low - (forecast->peak_allocated - forecast->interval.low);
  if (forecast->capacity) {
    const Bytes capacity = *forecast->capacity - forecast->margin;
    const Bytes beside = outside.high + spread;
    // Needs a play of its own, so it is asked for once and only if something hangs on it.
    std::optional<Death> death;
    const auto dies = [&] {
      if (!death) death = DeathOn(trace, settings, capacity, beside);
      return death->dies;
    };
    if (high > capacity && beside < capacity && forecast->peak_allocated + beside <= capacity &&
        !dies()) {
      // The cache shrinks to fit.
      high = std::max(capacity, forecast->peak_allocated + beside);
      low = std::min(low, high);
      forecast->peak_device = std::min(forecast->peak_device, high);
    }
    forecast->fits = high <= capacity;
    forecast->headroom = capacity - high;
    if (!*forecast->fits && detail == Detail::kAll) {
      forecast->dies_in = beside >= capacity ? Phase::kModelInit
                          : dies()           ? death->phase
                                             : forecast->peak_phase;
    }
  }
  forecast->device_interval = {std::min(low, forecast->peak_device),
                               std::max(high, forecast->peak_device)};
}

}  // namespace vramcast::forecast
