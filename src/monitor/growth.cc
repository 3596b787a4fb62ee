#include "monitor/growth.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "monitor/stretch.h"

namespace vramcast::monitor {
namespace {

constexpr int64_t kFewestSamples = 12;
constexpr int64_t kHold = 4;            // samples that a rise must have held
constexpr double kLeastRise = 1 << 20;  // half of PyTorch's smallest segment
constexpr double kJitters = 4;          // of the usual jitter: what is less may be chance
constexpr double kLeastGrowth = 24.0 * (1 << 20);

// The part of the floor that has held: its rises, each larger than the noise, and its end.
struct Held {
  std::vector<Rise> rises;
  double level = 0;
  double time = 0;  // until when
};
Held HeldFloor(const Floor& floor, double least, int64_t hold) {
  const std::vector<Floor::Step>& steps = floor.steps();
  Held held{.level = steps.front().level, .time = steps.front().time};
  for (size_t i = 1; i < steps.size(); ++i) {
    if (floor.samples() - steps[i].index < hold) break;
    held.time = steps[i].time;
    if (steps[i].level - held.level < least) continue;
    held.rises.push_back({steps[i].time, steps[i].level - held.level});
    held.level = steps[i].level;
  }
  return held;
}

// The level of the floor at a moment.
double LevelAt(const std::vector<Floor::Step>& steps, double time) {
  const auto after =
      std::upper_bound(steps.begin(), steps.end(), time,
                       [](double wanted, const Floor::Step& step) { return wanted < step.time; });
  return after == steps.begin() ? steps.front().level : std::prev(after)->level;
}

// How far samples have stood above the floor.
double Height(const Floor& floor, const Peaks& peaks, double begin) {
  double height = 0;
  for (const Peaks::Peak& peak : peaks.peaks()) {
    if (peak.time < begin) continue;
    height = std::max(height, peak.value - LevelAt(floor.steps(), peak.time));
  }
  return height;
}

// What counts as a rise: not so little that jitter makes most of them.
double LeastRise(const Floor& floor, std::optional<Bytes> capacity) {
  constexpr double kRises = 64;  // in all growth, or in what is left
  const double level = floor.steps().back().level;
  double least = (level - floor.steps().front().level) / kRises;
  if (capacity) {
    least = std::min(least, (static_cast<double>(capacity->count()) - level) / kRises);
  }
  return std::max(kLeastRise, least);
}

double Square(double x) { return x * x; }

// Squared coefficient of variation.
double Variation(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += Square(value - mean);
  return squares / static_cast<double>(values.size()) / Square(mean);
}

// The rate of a renewal process with rewards: the spread of sizes and gaps says how sure it is.
struct Rate {
  double value = 0;
  double variation = 0;  // squared, of one rise
  double mean_rise = 0;
};
Rate RateOf(const Stretch& stretch) {
  std::vector<double> sizes;
  std::vector<double> gaps;
  double last = stretch.begin;
  for (const Rise& rise : stretch.rises) {
    sizes.push_back(rise.size);
    gaps.push_back(std::max(rise.time - last, 1e-9));
    last = rise.time;
  }
  const auto count = static_cast<double>(sizes.size());
  return {.value = stretch.sum() / std::max(stretch.length(), 1e-9),
          .variation = Variation(sizes) + Variation(gaps),
          .mean_rise = stretch.sum() / count};
}

constexpr double kSigmas = 2.2;       // two-sided 97 %
constexpr double kModelError = 0.08;  // growth is never exactly steady

Interval Around(double value, double relative) {
  const double infinite = std::numeric_limits<double>::infinity();
  return {.value = value,
          .low = value / (1 + relative),
          .high = relative < 1 ? value / (1 - relative) : infinite};
}

void Predict(const Stretch& stretch, std::optional<double> headroom, Growth* growth) {
  const Rate rate = RateOf(stretch);
  const auto rises = static_cast<double>(stretch.rises.size());
  const double seen = (rate.variation + 1 / rises) / rises;
  const double relative = kSigmas * std::sqrt(seen) + kModelError;
  growth->bytes_per_second = Interval{.value = rate.value,
                                      .low = rate.value * std::max(0.0, 1 - relative),
                                      .high = rate.value * (1 + relative)};
  if (!headroom) return;
  // What is still to come varies as well, and ends within one rise.
  const double left = std::max(*headroom / rate.mean_rise, 1.0);
  const double coming = rate.variation / left + 1 / Square(left);
  growth->seconds_left =
      Around(*headroom / rate.value, kSigmas * std::sqrt(seen + coming) + kModelError);
}

// The level that has held for so many samples.
double Newest(const Floor& floor, int64_t hold) {
  const std::vector<Floor::Step>& steps = floor.steps();
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (floor.samples() - step->index >= hold) return step->level;
  }
  return steps.front().level;
}

// The growth until now: what has risen since the end of the stretch, and has not had the time to
// hold, counts as far as it goes on as before.
double GoneOn(double grown, const Stretch& stretch, double since, double now) {
  constexpr double kAlike = 0.6;
  const double expected = grown / stretch.length() * (now - stretch.end);
  return since < kAlike * expected ? grown : grown + std::min(since, expected);
}

// The part of the room that must be gone within a stretch of so many samples. Loads build up within
// some hundred samples and tend to leave more than half of the room; the longer growth has been
// going on, the less of it is needed.
double PartForAlarm(double samples, const Stretch& stretch) {
  constexpr double kNever = 2;
  const double rises = stretch.effective();
  const double spread = std::min(rises, stretch.spread());
  const bool equal = static_cast<double>(stretch.rises.size()) < 1.35 * rises;
  if (samples < 100 || (spread < 9 && !(equal && rises > 6.5))) return kNever;
  if (samples < 200) return 0.5;
  if (samples < 3000 || spread < 15) return 0.42;
  return 0.3;
}

}  // namespace

std::string_view GrowthName(GrowthKind kind) {
  switch (kind) {
    case GrowthKind::kTooEarly:
      return "too_early";
    case GrowthKind::kSteady:
      return "steady";
    case GrowthKind::kJumped:
      return "jumped";
    case GrowthKind::kGrowing:
      break;
  }
  return "growing";
}

void GrowthDetector::Add(double time, Bytes used) {
  const auto value = static_cast<double>(used.count());
  Tick(time);
  noise_.Add(value);
  floor_.Add(clock_, value, std::max(kLeastRise, kJitters * noise_.Median()));
  peaks_.Add(clock_, value);
}

void GrowthDetector::Tick(double time) {
  // In a gap between samples nobody knows whether the program went on: it counts as a short time.
  constexpr double kLongest = 4;
  constexpr double kFollow = 1.0 / 16;
  if (floor_.samples() == 0) {
    last_time_ = time;
    return;
  }
  const double passed = std::max(time - last_time_, 0.0);
  last_time_ = std::max(last_time_, time);
  if (usual_gap_ == 0) usual_gap_ = passed;
  const double counted = std::min(passed, kLongest * usual_gap_);
  usual_gap_ += kFollow * (counted - usual_gap_);
  clock_ += counted;
}

Growth GrowthDetector::Assess(std::optional<Bytes> capacity) const {
  // A longer series says nothing new with every sample.
  constexpr int64_t kOften = 64, kMostWait = 16;
  const int64_t samples = floor_.samples();
  if (judged_.samples > 0 && samples < due_ && capacity == judged_capacity_) {
    return judged_;
  }
  judged_ = Judge(capacity);
  judged_capacity_ = capacity;
  due_ = samples + std::min(samples / kOften, kMostWait);
  return judged_;
}

Growth GrowthDetector::Judge(std::optional<Bytes> capacity) const {
  Growth growth{.samples = floor_.samples()};
  if (growth.samples < kFewestSamples) return growth;

  const int64_t hold = std::max(kHold, 3 * floor_.longest_absence() / 2);
  const int64_t held_for = std::min(hold, growth.samples / 4);
  Held held = HeldFloor(floor_, LeastRise(floor_, capacity), held_for);
  // What rose later than this has not had the time to hold.
  const double per_sample = clock_ / static_cast<double>(growth.samples);
  const double until = clock_ - static_cast<double>(held_for) * per_sample;
  const double begin = floor_.steps().front().time;  // what was before lies under the floor's begin
  const std::vector<Rise> jumps = TakeJumps(&held.rises, begin);
  const std::optional<Stretch> stretch = SteadyStretch(held.rises, begin, until);
  const double height = Height(floor_, peaks_, stretch ? stretch->begin : begin);
  growth.floor = Bytes(static_cast<int64_t>(held.level));
  growth.peak = Bytes(static_cast<int64_t>(held.level + height));
  if (!stretch || stretch->sum() < std::max(kLeastGrowth, kJitters * noise_.Median())) {
    growth.kind = GrowthKind::kSteady;
    if (!jumps.empty()) {
      growth.kind = GrowthKind::kJumped;
      growth.jump = Bytes(static_cast<int64_t>(jumps.back().size));
    }
    return growth;
  }
  growth.rises = static_cast<int64_t>(stretch->rises.size());
  growth.grown = Bytes(static_cast<int64_t>(stretch->sum()));
  growth.seconds = stretch->length();
  growth.kind = GrowthKind::kGrowing;
  std::optional<double> headroom;
  if (capacity) {
    // The floor has gone on rising since the last rise that has held.
    const double now = held.level + stretch->sum() / stretch->length() * (clock_ - held.time);
    headroom = std::max(static_cast<double>(capacity->count()) - now - height, 0.0);
  }
  Predict(*stretch, headroom, &growth);

  // How much of what was left is gone: a ramp of the load tends to end before that.
  const double judged = stretch->length() / std::max(per_sample, 1e-9);  // samples in the stretch
  const double typical =
      GoneOn(stretch->typical_sum(), *stretch, Newest(floor_, kHold) - held.level, clock_);
  const double gone = headroom ? typical / (typical + *headroom) : 0;
  growth.certain = gone >= PartForAlarm(judged, *stretch);
  return growth;
}

}  // namespace vramcast::monitor
