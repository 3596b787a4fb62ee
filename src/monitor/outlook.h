// How fast a stretch grows and when it has used up the room, each with an interval.
#pragma once

#include <optional>

#include "monitor/stretch.h"

namespace vramcast::monitor {

struct Interval {
  double value = 0, low = 0, high = 0;
};

struct Outlook {
  Interval bytes_per_second;
  std::optional<Interval> seconds_left;  // high may be infinite
};

// `room`: bytes that are left, if known. The intervals are meant to hold in nineteen of twenty
// cases.
Outlook LookAhead(const Stretch& stretch, std::optional<double> room);

}  // namespace vramcast::monitor
