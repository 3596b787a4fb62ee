#include "monitor/step_rate.h"

#include <algorithm>
#include <cmath>

namespace vramcast::monitor {

void StepRate::Add(double time, int64_t step) {
  if (!marks_.empty() && step < marks_.back().step) marks_.clear();
  if (!marks_.empty() && step == marks_.back().step) return;
  marks_.push_back({time, step});
  if (marks_.size() > kMostMarks) marks_.pop_front();
}

std::optional<Interval> StepRate::PerSecond() const {
  // The first mark tells only that the step was reached by then.
  if (marks_.size() < 3) return std::nullopt;
  const Mark& first = marks_[1];
  const Mark& last = marks_.back();
  const double seconds = last.time - first.time;
  if (seconds <= 0) return std::nullopt;
  const auto steps = static_cast<double>(last.step - first.step);
  const double each = seconds / steps;
  // The spread of the stretches between marks about the mean pace.
  double squares = 0;
  for (size_t i = 2; i < marks_.size(); ++i) {
    const double expected = each * static_cast<double>(marks_[i].step - marks_[i - 1].step);
    const double off = marks_[i].time - marks_[i - 1].time - expected;
    squares += off * off;
  }
  constexpr double kSigmas = 2;
  constexpr double kLeast = 0.02;
  // A sample may come up to a beat after its step, at either end.
  const auto stretches = static_cast<double>(marks_.size() - 2);
  const double beat = seconds / stretches;
  const double relative =
      std::min(kLeast + (kSigmas * std::sqrt(squares) + beat / stretches) / seconds, 0.9);
  const double rate = steps / seconds;
  return Interval{.value = rate, .low = rate * (1 - relative), .high = rate / (1 - relative)};
}

}  // namespace vramcast::monitor
