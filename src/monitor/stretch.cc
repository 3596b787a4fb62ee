#include "monitor/stretch.h"

#include <algorithm>
#include <cmath>

namespace vramcast::monitor {
namespace {

constexpr size_t kFewestRises = 4;

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// As many equal ones would be as telling.
double Effective(const std::vector<double>& sizes) {
  double sum = 0;
  double squares = 0;
  for (const double size : sizes) sum += size, squares += size * size;
  return squares > 0 ? sum * sum / squares : 0;
}

// What the growth would be if all times were like the middle one.
double MedianSum(const Stretch& stretch) {
  constexpr double kRisesInPart = 2;
  constexpr double kFewestParts = 3, kMostParts = 16;
  const double parts =
      std::floor(std::clamp(stretch.effective() / kRisesInPart, kFewestParts, kMostParts));
  return parts * Median(stretch.SumsOfParts(static_cast<size_t>(parts)));
}

// How well it is explained by steady growth alone; growth in few times explains little.
double Merit(const Stretch& stretch) {
  constexpr double kTelling = 14;  // of 24 parts of the time
  const double sum = stretch.sum();
  const double middle = std::min(MedianSum(stretch), sum);
  const double telling = std::min({stretch.effective(), stretch.spread(), kTelling}) / kTelling;
  return telling * (middle - (sum - middle) / 2);
}

// How far the growth has run ahead of a straight line from the beginning to the end, and how far it
// has lagged behind it, as parts of all growth: the one-sided distances of Kolmogorov and Smirnov.
struct Distance {
  double ahead = 0, behind = 0;
};
Distance FromStraight(const Stretch& stretch) {
  Distance distance;
  const double sum = stretch.sum();
  double grown = 0;
  for (const Rise& rise : stretch.rises) {
    const double straight = (rise.time - stretch.begin) / stretch.length();
    distance.behind = std::max(distance.behind, straight - grown / sum);
    grown += rise.size;
    distance.ahead = std::max(distance.ahead, grown / sum - straight);
  }
  return distance;
}

double LongestPause(const Stretch& stretch) {
  double last = stretch.begin;
  double longest = 0;
  for (const Rise& rise : stretch.rises) {
    longest = std::max(longest, rise.time - last);
    last = rise.time;
  }
  return longest;
}

// Each bound leaves out a steady process of chance in some of a hundred looks; a rate that changes
// by a third within the stretch is let through. What slows down further is a load that builds up
// or fills its limits: Laplace's test of trend tells it sooner than the distances do.
bool IsSteady(const Stretch& stretch) {
  constexpr double kAhead = 1.45, kBehind = 1.45;  // of 1 / sqrt(rises)
  constexpr double kUneven = 0.05;
  constexpr double kSlowing = 1.8;         // standard deviations of the mean time
  constexpr double kSlowingUneven = 0.02;  // what a falling rate takes from it
  constexpr double kIdle = 3.5;            // mean gaps without a rise: growth has stopped
  constexpr double kRarePause = 0.01;
  const double effective = stretch.effective();
  const auto count = static_cast<double>(stretch.rises.size());
  const Distance distance = FromStraight(stretch);
  if (distance.ahead > kUneven + kAhead / std::sqrt(effective)) return false;
  if (distance.behind > kUneven + kBehind / std::sqrt(effective)) return false;
  const double late = 0.5 - stretch.mean_time();
  if (late > kSlowingUneven + kSlowing / std::sqrt(12 * effective)) return false;
  const double pause = LongestPause(stretch) / stretch.length();
  if (pause > 0.2 && (count + 1) * std::pow(1 - pause, count) < kRarePause) return false;
  return stretch.end - stretch.rises.back().time <= kIdle * stretch.length() / (count + 1);
}

}  // namespace

double Stretch::sum() const {
  double total = 0;
  for (const Rise& rise : rises) total += rise.size;
  return total;
}

double Stretch::effective() const {
  std::vector<double> sizes;
  for (const Rise& rise : rises) sizes.push_back(rise.size);
  return Effective(sizes);
}

std::vector<double> Stretch::SumsOfParts(size_t parts) const {
  std::vector<double> sums(parts, 0.0);
  const auto count = static_cast<double>(parts);
  for (const Rise& rise : rises) {
    const double at = std::ceil((rise.time - begin) / length() * count) - 1;
    sums[static_cast<size_t>(std::clamp(at, 0.0, count - 1))] += rise.size;
  }
  return sums;
}

double Stretch::mean_time() const {
  double total = 0;
  for (const Rise& rise : rises) total += rise.size * (rise.time - begin);
  return total / sum() / length();
}

double Stretch::spread() const { return Effective(SumsOfParts(24)); }

double Stretch::typical_sum() const {
  constexpr double kAboveMedian = 1.4;
  return std::min(sum(), kAboveMedian * MedianSum(*this));
}

std::optional<Stretch> SteadyStretch(const std::vector<Rise>& rises, double begin, double end) {
  constexpr size_t kBeginnings = 32;
  if (rises.size() < kFewestRises) return std::nullopt;
  const size_t apart = std::max<size_t>(1, rises.size() / kBeginnings);
  std::optional<Stretch> best;
  double most = 0;
  // First from the very beginning, then from one rise after another.
  for (size_t first = 0; first + kFewestRises <= rises.size(); first += first == 0 ? 1 : apart) {
    Stretch stretch{.begin = first == 0 ? begin : rises[first - 1].time, .end = end, .rises = {}};
    stretch.rises.assign(rises.begin() + static_cast<ptrdiff_t>(first), rises.end());
    if (stretch.length() <= 0 || !IsSteady(stretch)) continue;
    if (const double merit = Merit(stretch); !best || merit > most) {
      most = merit;
      best = std::move(stretch);
    }
  }
  return best;
}

std::vector<Rise> TakeJumps(std::vector<Rise>* rises, double begin) {
  std::vector<Rise> jumps;
  if (rises->size() < 2) {
    jumps.swap(*rises);
    return jumps;
  }
  constexpr double kFar = 6;
  constexpr double kLeastJump = 32.0 * (1 << 20);
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
    const bool jump = sizes[i] > kFar * size && slopes[i] > kFar * slope && sizes[i] > kLeastJump;
    (jump ? jumps : others).push_back((*rises)[i]);
  }
  *rises = std::move(others);
  return jumps;
}

}  // namespace vramcast::monitor
