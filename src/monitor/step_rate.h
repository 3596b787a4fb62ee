// How fast a run makes its steps, from samples that say which step it is at: over the recent past,
// with an interval that pauses (evaluation, saving) and coarse samples widen.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "monitor/growth.h"

namespace vramcast::monitor {

class StepRate {
 public:
  static constexpr size_t kMostMarks = 128;

  // Times must not decrease; a smaller step is a new run, which is begun anew.
  void Add(double time, int64_t step);

  // Steps per second; nothing before the step has moved twice.
  std::optional<Interval> PerSecond() const;

 private:
  struct Mark {
    double time;  // when this step was first seen
    int64_t step;
  };
  std::deque<Mark> marks_;
};

}  // namespace vramcast::monitor
