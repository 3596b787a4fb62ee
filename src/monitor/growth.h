// Whether memory grows for good: a verdict on one series of bytes over time, with its evidence.
// Looks at the floor under the series, so that saw-teeth, evaluation and noise do not count, and
// asks for many rises spread evenly over time, so that a jump, a load that builds up and maxima
// that become ever rarer are not taken for a leak. Memory and cost per sample are bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "monitor/floor.h"
#include "monitor/noise.h"
#include "monitor/outlook.h"
#include "monitor/peaks.h"

namespace vramcast::monitor {

enum class GrowthKind : uint8_t {
  kTooEarly,  // too few samples, or memory rises and may be building up only: then with a rate
  kSteady,
  kJumped,   // went up once or twice and stayed: evaluation, a larger batch, another phase
  kGrowing,  // keeps going up: always with a rate
};
std::string_view GrowthName(GrowthKind kind);  // "too_early", "steady", "jumped", "growing"

struct Growth {
  GrowthKind kind = GrowthKind::kTooEarly;
  // Of kGrowing: so much of the room is gone for so long that a load which builds up and then stays
  // is unlikely. An alarm waits for it; without a known capacity there is none.
  bool certain = false;
  int64_t samples = 0;
  int64_t rises = 0;   // of the floor, within the stretch that was judged
  Bytes grown;         // by these rises
  double seconds = 0;  // length of that stretch, gaps between samples left out
  std::optional<Interval> bytes_per_second;
  std::optional<Interval>
      seconds_left;           // until used memory reaches the capacity; high may be infinite
  Bytes floor;                // the series has not been below this lately
  Bytes peak;                 // the highest sample lately: what must fit
  std::optional<Bytes> jump;  // of kJumped: how far up
};

// How a series is judged, in sentences for people, with the thresholds.
std::vector<std::string_view> GrowthMethod();

class GrowthDetector {
 public:
  // Times in seconds; a time before the last one is taken as equal to it.
  void Add(double time, Bytes used);

  // `capacity`: what `used` may not exceed, if known.
  Growth Assess(std::optional<Bytes> capacity) const;

 private:
  void Tick(double time);
  struct Look;
  // `above_peaks`: only growth above what samples reached before it counts.
  Look LookAt(std::optional<double> capacity, int64_t hold, bool above_peaks) const;
  Growth Judge(std::optional<Bytes> capacity) const;

  Floor floor_;
  Noise noise_;
  double last_time_ = 0;
  double usual_gap_ = 0;  // between samples
  double clock_ = 0;      // seconds since the first sample, gaps left out
  Peaks peaks_;
  // The last verdict, and the number of samples from which on it is made anew.
  mutable Growth judged_;
  mutable std::optional<Bytes> judged_capacity_;
  mutable int64_t due_ = 0;
};

}  // namespace vramcast::monitor
