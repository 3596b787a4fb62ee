// From a played trace to the answer: what each phase reached, whether the card is large enough.
// Shared by every producer of forecasts.
#pragma once

#include <cstdint>
#include <optional>

#include "allocator/play.h"
#include "allocator/settings.h"
#include "forecast/forecast.h"
#include "forecast/outside.h"
#include "trace/trace.h"

namespace vramcast::forecast {

// Fills `phases` and `peak_phase`.
void ReadPhases(const Run& run, const Trace& trace, Forecast* forecast);

// kFits leaves out `dies_in`, which takes another play of the trace.
enum class Detail : uint8_t { kAll, kFits };

// Fills `margin`, `fits`, `headroom`, `dies_in` and `device_interval`; may lower `peak_device` to
// what a shrinking cache leaves. Peaks, `interval` and `capacity` must be there.
void Judge(const Trace& trace, const AllocatorSettings& settings, const Outside& outside,
           std::optional<Bytes> asked_margin, Detail detail, Forecast* forecast);

}  // namespace vramcast::forecast
