// Whether memory grows for good: a verdict on one series of bytes over time, with its evidence.
// Looks at the floor under the series, so that saw-teeth, evaluation and noise do not count, and
// asks for many rises spread over time, so that one jump or a ramp that has ended is not taken for
// a leak.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "monitor/floor.h"
#include "monitor/noise.h"
#include "monitor/peaks.h"

namespace vramcast::monitor {

enum class GrowthKind : uint8_t {
  kTooEarly,  // too few samples to tell
  kSteady,
  kJumped,   // went up once or twice and stayed: evaluation, a larger batch, another phase
  kGrowing,  // keeps going up
};
std::string_view GrowthName(GrowthKind kind);  // "too_early", "steady", "jumped", "growing"

struct Interval {
  double value = 0, low = 0, high = 0;
};

struct Growth {
  GrowthKind kind = GrowthKind::kTooEarly;
  // Of kGrowing: seen for long enough, or far enough into the remaining memory, that a ramp which
  // will end by itself is unlikely. An alarm waits for it.
  bool certain = false;
  int64_t samples = 0;
  int64_t rises = 0;   // of the floor, within the stretch that was judged
  Bytes grown;         // by these rises
  double seconds = 0;  // length of that stretch
  std::optional<Interval> bytes_per_second;
  std::optional<Interval>
      seconds_left;           // until used memory reaches the capacity; high may be infinite
  Bytes floor;                // the series has not been below this lately
  Bytes peak;                 // the highest sample lately: what must fit
  std::optional<Bytes> jump;  // of kJumped: how far up
};

class GrowthDetector {
 public:
  // Times in seconds; a time before the last one is taken as equal to it.
  void Add(double time, Bytes used);

  // `capacity`: what `used` may not exceed, if known.
  Growth Assess(std::optional<Bytes> capacity) const;

 private:
  Floor floor_;
  Noise noise_;
  double first_time_ = 0;
  double last_time_ = 0;
  Peaks peaks_;
};

}  // namespace vramcast::monitor
