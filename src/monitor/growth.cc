#include "monitor/growth.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace vramcast::monitor {
namespace {

// The thresholds are tuned on bench/growth's tuning seed; its judging seeds measure them.
constexpr int64_t kFewestSamples = 12;
constexpr int64_t kHold = 6;            // samples that a rise must have held
constexpr double kLeastRise = 1 << 20;  // half of PyTorch's smallest segment
constexpr int64_t kFewestRises = 4;
constexpr double kLeastGrowth = 24.0 * (1 << 20);
constexpr double kSlowing = -1.8;  // of the trend test: rises come too early to be a steady process
constexpr double kHurrying = 2.5;  // and here too late
constexpr double kIdleGaps = 4;    // mean gaps without a rise after which growth has stopped

struct Rise {
  double time;
  double size;
};

struct Stretch {
  double begin = 0, end = 0;
  std::vector<Rise> rises;

  double length() const { return end - begin; }
  double sum() const {
    double total = 0;
    for (const Rise& rise : rises) total += rise.size;
    return total;
  }
};

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

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// A rise far above the usual one and far steeper: a new phase, not the leak. Size alone does not
// tell, since the floor keeps only some of its older steps.
std::vector<Rise> TakeJumps(std::vector<Rise>* rises, double begin) {
  std::vector<Rise> jumps;
  if (rises->size() < 2) {
    jumps.swap(*rises);
    return jumps;
  }
  constexpr double kFar = 6;
  std::vector<double> sizes;
  std::vector<double> slopes;
  double last = begin;
  for (const Rise& rise : *rises) {
    sizes.push_back(rise.size);
    slopes.push_back(rise.size / std::max(rise.time - last, 1e-9));
    last = rise.time;
  }
  const double size = Median(sizes);
  const double slope = Median(slopes);
  std::vector<Rise> others;
  for (size_t i = 0; i < rises->size(); ++i) {
    const bool jump =
        sizes[i] > kFar * size && slopes[i] > kFar * slope && sizes[i] > 32.0 * (1 << 20);
    (jump ? jumps : others).push_back((*rises)[i]);
  }
  *rises = std::move(others);
  return jumps;
}

// The Laplace trend test on the times of the rises, weighted by size: about standard normal for a
// steady process, far below zero if the rises came early and then stopped.
double TrendTest(const Stretch& stretch) {
  double sum = 0, squares = 0, moment = 0;
  for (const Rise& rise : stretch.rises) {
    sum += rise.size;
    squares += rise.size * rise.size;
    moment += rise.size * rise.time;
  }
  if (sum <= 0 || stretch.length() <= 0) return 0;
  const double effective = sum * sum / squares;
  const double middle = (stretch.begin + stretch.end) / 2;
  return (moment / sum - middle) / (stretch.length() / std::sqrt(12 * effective));
}

// Whether the first quarter rose far faster than the rest.
bool BeganSteeper(const Stretch& stretch) {
  constexpr double kSteeper = 2.5;
  const double quarter = stretch.begin + stretch.length() / 4;
  double before = 0;
  double after = 0;
  for (const Rise& rise : stretch.rises) (rise.time <= quarter ? before : after) += rise.size;
  return stretch.rises.size() >= 8 && before > kSteeper * after / 3;
}

// The end of a pause that takes up much of the stretch: two ramps far apart are not one growth.
std::optional<double> EndOfPause(const Stretch& stretch) {
  constexpr double kMuch = 0.4;
  if (stretch.rises.size() < 8) return std::nullopt;
  double last = stretch.begin;
  std::optional<double> end;
  for (const Rise& rise : stretch.rises) {
    if (rise.time - last > kMuch * stretch.length()) end = rise.time;
    last = rise.time;
  }
  return end;
}

// Reaches back from a steady stretch over what rose about as fast, so that chance at its beginning
// does not hide how long it has been going on.
void ReachBack(const std::vector<Rise>& rises, double first, Stretch* stretch) {
  const double rate = stretch->sum() / stretch->length();
  while (stretch->begin > first) {
    const double begin = std::max(first, stretch->begin - stretch->length() / 4);
    std::vector<Rise> before;
    double sum = 0;
    for (const Rise& rise : rises) {
      if (rise.time <= begin || rise.time > stretch->begin) continue;
      before.push_back(rise);
      sum += rise.size;
    }
    const double before_rate = sum / (stretch->begin - begin);
    if (before_rate < rate / 2 || before_rate > 2 * rate) return;
    stretch->rises.insert(stretch->rises.begin(), before.begin(), before.end());
    stretch->begin = begin;
  }
}

// The longest stretch up to `end` in which the rises come steadily: a ramp at the beginning is cut
// off, and so is a calm time before growth sets in.
Stretch SteadyStretch(const std::vector<Rise>& rises, double begin, double end) {
  Stretch stretch{.begin = begin, .end = end, .rises = rises};
  while (static_cast<int64_t>(stretch.rises.size()) >= kFewestRises) {
    const double trend = TrendTest(stretch);
    if (const auto pause = EndOfPause(stretch)) {
      stretch.begin = *pause;
    } else if (trend > kHurrying) {
      stretch.begin += stretch.length() / 8;
    } else if (trend < kSlowing || BeganSteeper(stretch)) {
      stretch.begin += stretch.length() / 4;
    } else {
      ReachBack(rises, begin, &stretch);
      break;
    }
    std::erase_if(stretch.rises,
                  [&stretch](const Rise& rise) { return rise.time <= stretch.begin; });
  }
  return stretch;
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

bool StillActive(const Stretch& stretch) {
  if (stretch.rises.empty()) return false;
  const double gap = stretch.length() / static_cast<double>(stretch.rises.size());
  return stretch.end - stretch.rises.back().time <= kIdleGaps * gap;
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
  if (floor_.samples() == 0) first_time_ = last_time_ = time;
  last_time_ = std::max(last_time_, time);
  floor_.Add(last_time_, value);
  noise_.Add(value);
  peaks_.Add(last_time_, value);
}

Growth GrowthDetector::Assess(std::optional<Bytes> capacity) const {
  Growth growth{.samples = floor_.samples()};
  if (growth.samples == 0) return growth;
  if (growth.samples < kFewestSamples) return growth;

  const double least = std::max(kLeastRise, 4 * noise_.Median());
  const int64_t hold = std::max(kHold, 2 * floor_.longest_tooth());
  const int64_t held_for = std::min(hold, growth.samples / 2);
  Held held = HeldFloor(floor_, least, held_for);
  // What rose later than this has not had the time to hold.
  const double per_sample = (last_time_ - first_time_) / static_cast<double>(growth.samples);
  const double until = last_time_ - static_cast<double>(held_for) * per_sample;
  const std::vector<Rise> jumps = TakeJumps(&held.rises, first_time_);
  const Stretch stretch = SteadyStretch(held.rises, first_time_, until);
  const double height = Height(floor_, peaks_, stretch.begin);
  growth.floor = Bytes(static_cast<int64_t>(held.level));
  growth.peak = Bytes(static_cast<int64_t>(held.level + height));
  growth.rises = static_cast<int64_t>(stretch.rises.size());
  growth.grown = Bytes(static_cast<int64_t>(stretch.sum()));
  growth.seconds = stretch.length();

  const bool grows = growth.rises >= kFewestRises && stretch.sum() >= kLeastGrowth &&
                     StillActive(stretch) && stretch.length() > 0;
  if (!grows) {
    growth.kind = GrowthKind::kSteady;
    if (!jumps.empty()) {
      growth.kind = GrowthKind::kJumped;
      growth.jump = Bytes(static_cast<int64_t>(jumps.back().size));
    }
    return growth;
  }
  growth.kind = GrowthKind::kGrowing;
  std::optional<double> headroom;
  if (capacity) {
    // The floor has gone on rising since the last rise that has held.
    const double now = held.level + stretch.sum() / stretch.length() * (last_time_ - held.time);
    headroom = std::max(static_cast<double>(capacity->count()) - now - height, 0.0);
  }
  Predict(stretch, headroom, &growth);

  // How much of what was left is gone: a ramp of the load tends to end before that.
  const double judged = stretch.length() / std::max(per_sample, 1e-9);  // samples in the stretch
  const double gone = headroom ? stretch.sum() / (stretch.sum() + *headroom) : 0;
  const bool held_long_enough = hold <= growth.samples / 3;
  const bool far_gone = (judged >= 200 && gone >= 0.4) || (judged >= 50 && gone >= 0.6);
  const bool long_seen = judged >= 3000 && growth.rises >= 40 && gone >= 0.25;
  growth.certain = held_long_enough && (far_gone || long_seen);
  return growth;
}

}  // namespace vramcast::monitor
