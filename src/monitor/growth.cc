#include "monitor/growth.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "monitor/held.h"
#include "monitor/stretch.h"

namespace vramcast::monitor {
namespace {

constexpr int64_t kFewestSamples = 12;
constexpr int64_t kHold = 4;            // samples that a rise must have held at least
constexpr double kLeastRise = 1 << 20;  // half of PyTorch's smallest segment
constexpr double kJitters = 4;          // of the usual jitter: what is less may be chance
constexpr double kLeastGrowth = 24.0 * (1 << 20);
constexpr double kWideSpread = 15;  // of 24: rises all over the stretch

// How far samples have stood above the floor: since a moment exactly; before it, where a program
// that has ended since took the floor with it, above the mean of their time if that is less.
struct Heights {
  double before = 0, since = 0;
  double highest() const { return std::max(before, since); }
};
Heights HeightsAround(const Floor& floor, const Peaks& peaks, double moment) {
  Heights heights;
  for (const Peaks::Peak& peak : peaks.peaks()) {
    if (peak.time < moment) {
      const double level = std::max(peak.mean, LevelAt(floor, peak.time));
      heights.before = std::max(heights.before, peak.value - level);
    } else {
      heights.since = std::max(heights.since, peak.value - LevelAt(floor, peak.time));
    }
  }
  return heights;
}

// What counts as a rise: not so little that jitter makes most of them.
double LeastRise(const Floor& floor, std::optional<double> capacity) {
  constexpr double kRises = 64;  // in all growth, or in what is left
  const double level = floor.steps().back().level;
  double least = (level - floor.steps().front().level) / kRises;
  if (capacity) least = std::min(least, (*capacity - level) / kRises);
  return std::max(kLeastRise, least);
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
double PartForAlarm(double samples, double spread) {
  if (samples < 600) return 0.51;
  if (samples < 1500) return 0.47;
  if (samples < 3000 || spread < kWideSpread) return 0.45;
  return 0.4;
}

// Growth that goes on from when the card was nearly empty, not long ago: a program still loads,
// and may take as much of the card as it likes.
bool IsLoading(const Floor& floor, const Held& held, const Stretch& stretch, double capacity,
               double per_sample, double now) {
  constexpr double kEmpty = 0.12;
  constexpr double kLongest = 400;                         // samples
  constexpr double kFaster = 4;                            // it may have begun so much faster,
  constexpr double kAtOnce = 0.15;                         // or with this part of its growth;
  constexpr double kSlowing = 0.46, kAtOnceSlowing = 0.5;  // with more of it if it slows down
  const double bottom = floor.steps().front().level;
  if (bottom > kEmpty * capacity || now - held.begin > kLongest * per_sample) return false;
  const double before = LevelAt(floor, stretch.begin) - bottom;
  const double rate = stretch.sum() / stretch.length();
  const double at_once = stretch.mean_time() < kSlowing ? kAtOnceSlowing : kAtOnce;
  return before <= std::max(at_once * stretch.sum(), kFaster * rate * (stretch.begin - held.begin));
}

double SpreadOf(const Stretch& stretch) { return std::min(stretch.effective(), stretch.spread()); }

// Enough rises, far enough apart, to tell growth from a few jumps; fewer do if they are alike.
bool IsTelling(const Stretch& stretch, double samples) {
  const double effective = stretch.effective();
  const bool alike = static_cast<double>(stretch.rises.size()) < 1.35 * effective;
  return samples >= 130 && SpreadOf(stretch) >= (alike ? 8 : 9);
}

}  // namespace

// What a series looks like if a rise counts that has held for so many samples.
struct GrowthDetector::Look {
  Held held;
  std::vector<Rise> jumps;
  std::optional<Stretch> stretch;
  Heights heights;
  std::optional<double> room;
  double samples = 0;  // in the stretch
  double grown = 0;    // typically, until now
  bool certain = false;

  GrowthKind Kind() const;
};

GrowthKind GrowthDetector::Look::Kind() const {
  constexpr double kLong = 1000;         // samples: longer than a load builds up
  constexpr double kWorthSaying = 0.05;  // of the room
  if (certain) return GrowthKind::kGrowing;
  if (stretch && IsTelling(*stretch, samples)) {
    if (!room || (samples >= kLong && SpreadOf(*stretch) >= kWideSpread)) {
      return GrowthKind::kGrowing;
    }
  }
  if (stretch && (!room || grown >= kWorthSaying * (grown + *room))) return GrowthKind::kTooEarly;
  return jumps.empty() ? GrowthKind::kSteady : GrowthKind::kJumped;
}

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

std::vector<std::string_view> GrowthMethod() {
  constexpr std::string_view kFloor =
      "Only the floor counts: the least value from each moment on. Saw-teeth, evaluation and "
      "noise come back to it; a leak lifts it.";
  constexpr std::string_view kHeld =
      "A rise of the floor counts once it has held half as long again as the series ever stayed "
      "above its floor before it came back, or at once if all rises together exceed the height "
      "of what came back. Of a gap between samples at most 4 usual intervals count as time.";
  constexpr std::string_view kStretch =
      "Growth is a stretch of time in which the floor keeps to a straight line, as far as rises "
      "by chance would (one-sided Kolmogorov-Smirnov distance up to 0.05 + 1.45 / sqrt(rises)), "
      "does not slow down (mean time of the growth at least 0.48 - 1.8 / sqrt(12 rises) of the "
      "stretch), with no rare pause, and still going on. A rise 6 times larger and steeper than "
      "the "
      "usual one is a jump. Times that grew far more than the middle one are cut to it.";
  constexpr std::string_view kOutlook =
      "The time left is the room between the floor, with the highest sample that stood on it, "
      "and the capacity, divided by the rate; its interval comes from how unevenly the parts "
      "of the stretch grew.";
  constexpr std::string_view kLeak =
      "It is called a leak (exit code 1) when 51 % of the room is gone within the stretch; 47 % "
      "suffice after 600 samples, 45 % after 1500, 40 % after 3000. Below 130 samples (400 where "
      "the growth goes on from a nearly empty card), or with rises in fewer than 9 of 24 parts of "
      "the time (8 if they are alike), it is too early to tell: loads that build up and jumps look "
      "the same.";
  return {kFloor, kHeld, kStretch, kOutlook, kLeak};
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

GrowthDetector::Look GrowthDetector::LookAt(std::optional<double> capacity, int64_t hold,
                                            bool above_peaks) const {
  Look look{.held = HeldFloor(floor_, LeastRise(floor_, capacity), hold)};
  look.jumps = TakeJumps(&look.held.rises, look.held.begin);
  std::erase_if(look.jumps, [](const Rise& jump) { return jump.size < kLeastGrowth; });
  // What rose later than this has not had the time to hold.
  const double per_sample = clock_ / static_cast<double>(floor_.samples());
  const double until = clock_ - static_cast<double>(hold) * per_sample;
  look.stretch = SteadyStretch(look.held.rises, look.held.begin, until);
  const double begin = look.stretch ? look.stretch->begin : look.held.begin;
  look.heights = HeightsAround(floor_, peaks_, begin);
  const double least = std::max(kLeastGrowth, kJitters * noise_.Median());
  if (look.stretch && look.stretch->sum() < least) look.stretch.reset();
  if (!look.stretch) return look;
  const Stretch& stretch = *look.stretch;
  look.samples = stretch.length() / std::max(per_sample, 1e-9);
  look.grown =
      GoneOn(stretch.typical_sum(), stretch, LevelHeld(floor_, kHold) - look.held.level, clock_);
  if (!capacity) return look;
  // The floor has gone on rising since the last rise that has held.
  const double now = look.held.level + stretch.sum() / stretch.length() * (clock_ - look.held.time);
  look.room = std::max(*capacity - now - look.heights.highest(), 0.0);
  const double counted = look.grown - (above_peaks ? look.heights.before : 0);
  look.certain = counted > 0 && IsTelling(stretch, look.samples) &&
                 !IsLoading(floor_, look.held, stretch, *capacity, per_sample, clock_) &&
                 counted >= PartForAlarm(look.samples, SpreadOf(stretch)) * (counted + *look.room);
  return look;
}

Growth GrowthDetector::Judge(std::optional<Bytes> capacity) const {
  Growth growth{.samples = floor_.samples()};
  if (growth.samples < kFewestSamples) return growth;
  std::optional<double> limit;
  if (capacity) limit = static_cast<double>(capacity->count());

  // A rise counts once it has held for longer than any tooth or evaluation; and at once, if all
  // rises together are more than what any of them reached.
  const int64_t hold = std::max(kHold, 3 * floor_.longest_absence() / 2);
  Look look = LookAt(limit, std::min(hold, growth.samples / 4), false);
  if (!look.certain && hold > 2 * kHold) {
    if (Look quick = LookAt(limit, kHold, true); quick.certain) {
      // What has not held for long may be an evaluation: it is no part of the rate if that is
      // known.
      look.certain = true;
      if (!look.stretch) look = std::move(quick);
    }
  }
  growth.floor = Bytes(static_cast<int64_t>(look.held.level));
  growth.peak = Bytes(static_cast<int64_t>(look.held.level + look.heights.highest()));
  growth.kind = look.Kind();
  growth.certain = look.certain;
  if (growth.kind == GrowthKind::kJumped) {
    growth.jump = Bytes(static_cast<int64_t>(look.jumps.back().size));
  }
  if (growth.kind != GrowthKind::kGrowing && growth.kind != GrowthKind::kTooEarly) return growth;
  growth.rises = static_cast<int64_t>(look.stretch->rises.size());
  growth.grown = Bytes(static_cast<int64_t>(look.stretch->sum()));
  growth.seconds = look.stretch->length();
  const Outlook outlook = LookAhead(*look.stretch, look.room);
  growth.bytes_per_second = outlook.bytes_per_second;
  growth.seconds_left = outlook.seconds_left;
  return growth;
}

}  // namespace vramcast::monitor
