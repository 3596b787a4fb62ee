#include "forecast/verdict.h"

#include <algorithm>
#include <array>

namespace vramcast::forecast {
namespace {

// Reserved memory without what CORE's many lengths leave behind, which nothing needs later. What
// evaluates, samples or saves comes after them too.
Bytes NeededBytes(const Forecast& forecast) {
  Bytes needed = forecast.peak_allocated;
  for (const PhasePeak& phase : forecast.phases) {
    const bool trains =
        phase.phase == Phase::kModelInit || phase.phase == Phase::kResume ||
        phase.phase == Phase::kFirstForward || phase.phase == Phase::kFirstBackward ||
        phase.phase == Phase::kFirstOptimizerStep || phase.phase == Phase::kTrainStep;
    if (trains) needed = std::max(needed, phase.reserved);
  }
  return needed;
}

void CapReserved(Bytes most, Forecast* forecast) {
  forecast->peak_reserved = std::min(forecast->peak_reserved, most);
  for (PhasePeak& phase : forecast->phases) phase.reserved = std::min(phase.reserved, most);
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

// The allocator gives cached memory back before it dies, so reserved memory alone does not decide.
Death Deaths::On(const Trace& trace, const AllocatorSettings& settings, Bytes capacity,
                 Bytes outside) {
  const bool by_share = settings.memory_fraction || settings.garbage_collection_threshold > 0;
  const Bytes room = capacity - outside;
  for (const Known& one : known_) {
    if (by_share && one.capacity != capacity) continue;
    if (one.from <= room && room < one.below) return one.death;
  }
  const Outcome outcome = PlayToDeath(trace, settings, {.total = capacity, .context = outside});
  Death death;
  death.reserved = outcome.room_from;
  if (outcome.oom) {
    death.dies = true;
    death.phase = outcome.oom->event < trace.events.size() ? trace.events[outcome.oom->event].phase
                                                           : Phase::kUnknown;
  }
  known_.push_back({capacity, outcome.room_from, outcome.room_below, death});
  return death;
}

void Judge(const Trace& trace, const AllocatorSettings& settings, const Outside& outside,
           std::optional<Bytes> asked_margin, Detail detail, Forecast* forecast, Deaths* deaths) {
  forecast->margin = asked_margin.value_or(Bytes(0));
  const Bytes spread = forecast->interval.high - forecast->peak_allocated;
  Bytes high = forecast->peak_reserved + outside.high + spread;
  Bytes low =
      forecast->peak_reserved + outside.low - (forecast->peak_allocated - forecast->interval.low);
  if (forecast->capacity) {
    const Bytes capacity = *forecast->capacity - forecast->margin;
    const Bytes beside = outside.high + spread;
    Deaths own;
    const auto death = [&] {
      return (deaths ? deaths : &own)->On(trace, settings, capacity, beside);
    };
    if (high > capacity && beside < capacity && forecast->peak_allocated + beside <= capacity &&
        !death().dies) {
      forecast->cache_shrinks = true;
      const Bytes left = death().reserved;
      CapReserved(left, forecast);
      high = std::max(left, forecast->peak_allocated) + beside;
      low = std::min(low, high);
      forecast->peak_device = std::min(forecast->peak_reserved + outside.usual, high);
    }
    const Bytes needed = NeededBytes(*forecast);
    if (high > capacity && needed + beside > capacity) {  // a card that is just large enough
      CapReserved(needed, forecast);
      high = std::min(high, needed + beside);
      low = std::min(low, high);
      forecast->peak_device = std::min(forecast->peak_device, needed + outside.usual);
    }
    forecast->fits = high <= capacity;
    forecast->headroom = capacity - high;
    if (!*forecast->fits && detail == Detail::kAll) {
      forecast->dies_in = beside >= capacity ? Phase::kModelInit
                          : death().dies     ? death().phase
                                             : forecast->peak_phase;
    }
  }
  forecast->device_interval = {std::min(low, forecast->peak_device),
                               std::max(high, forecast->peak_device)};
}

}  // namespace vramcast::forecast
