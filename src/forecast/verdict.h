// From a played trace to the answer: what each phase reached, whether the card is large enough.
// Shared by every producer of forecasts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

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

struct Death {
  bool dies = false;
  Phase phase = Phase::kUnknown;  // in which it dies
  Bytes reserved;                 // the most that the allocator had, in pages of the device
};

// How one trace under one setting ends on cards of different sizes: sizes between which nothing is
// decided differently need one play.
class Deaths {
 public:
  // `outside` is taken beside the allocator.
  Death On(const Trace& trace, const AllocatorSettings& settings, Bytes capacity, Bytes outside);

 private:
  struct Known {
    Bytes capacity;     // decides too where the settings speak of shares of the device
    Bytes from, below;  // room for the allocator
    Death death;
  };
  std::vector<Known> known_;
};

// Fills `margin`, `fits`, `headroom`, `dies_in` and `device_interval`; where it fits since the
// cache shrinks, lowers what was reserved and `peak_device` to what it shrinks to. Peaks,
// `interval` and `capacity` must be there.
void Judge(const Trace& trace, const AllocatorSettings& settings, const Outside& outside,
           std::optional<Bytes> asked_margin, Detail detail, Forecast* forecast,
           Deaths* deaths = nullptr);

}  // namespace vramcast::forecast
