// How well growth is told from everything that looks like it: made-up series of used memory, some
// with a leak and some without, one sample a step. Prints by kind how many leaks were found before
// 60 % of the room was gone, how many series without a leak raised an alarm, and how often the
// foretold end lay within its interval.
//
// Usage: growth_accuracy [SEED [SERIES]]. Seed 1 is the one that thresholds are tuned on.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "monitor/growth.h"

namespace {

using vramcast::Bytes;
using vramcast::monitor::Growth;
using vramcast::monitor::GrowthDetector;

constexpr double kMiB = 1 << 20;
constexpr double kGiB = 1 << 30;
constexpr int kAssessEvery = 5;  // samples

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  double Between(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  // Evenly over orders of magnitude.
  double Scaled(double low, double high) {
    return std::exp(Between(std::log(low), std::log(high)));
  }
  int Whole(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool Chance(double probability) { return Between(0, 1) < probability; }
  double Normal() { return std::normal_distribution<double>()(random_); }
  int Poisson(double mean) { return std::poisson_distribution<int>(mean)(random_); }

 private:
  std::mt19937_64 random_;
};

// One made-up run. Everything in bytes and samples.
struct Series {
  std::string kind;
  bool leaks = false;
  double capacity = 0;
  std::vector<double> used;
  size_t leak_begin = 0;
  double leak_room = 0;  // above the highest point at that moment
};

// What PyTorch's allocator takes from the driver: segments of 2 MiB for small requests, of 20 MiB
// for larger ones.
double Segments(double bytes, double segment) { return std::ceil(bytes / segment) * segment; }

// What runs of any kind have on top of their steady memory.
struct Traits {
  double noise = 0;  // jitter of other programs
  double tooth = 0;  // height of a saw-tooth
  int tooth_period = 0;
  double evaluation = 0;  // memory taken while evaluating
  int evaluation_every = 0, evaluation_length = 0;
  bool evaluation_stays = true;  // reserved memory is kept after the first
  double ramp = 0;
  int ramp_length = 0;
};

Traits RandomTraits(Dice* dice, double room) {
  Traits traits;
  if (dice->Chance(0.4)) traits.noise = dice->Scaled(0.1, 20) * kMiB;
  if (dice->Chance(0.4)) {
    traits.tooth = dice->Scaled(0.005, 0.2) * room;
    traits.tooth_period = dice->Whole(3, 80);
  }
  if (dice->Chance(0.5)) {
    traits.evaluation = dice->Scaled(0.01, 0.2) * room;
    traits.evaluation_every = dice->Whole(80, 600);
    traits.evaluation_length = dice->Whole(3, 30);
    traits.evaluation_stays = dice->Chance(0.5);
  }
  if (dice->Chance(0.6)) {
    traits.ramp = dice->Scaled(0.05, 0.5) * room;
    traits.ramp_length = dice->Whole(1, 60);
  }
  return traits;
}

double TraitsAt(const Traits& traits, int i, Dice* dice) {
  double used = traits.noise * dice->Normal();
  if (traits.tooth_period > 0) {
    used += Segments(traits.tooth * (i % traits.tooth_period) / traits.tooth_period, 2 * kMiB);
  }
  if (traits.evaluation_every > 0) {
    const bool first_done = i >= traits.evaluation_every;
    const bool inside = i % traits.evaluation_every < traits.evaluation_length && first_done;
    if (inside || (traits.evaluation_stays && first_done)) used += traits.evaluation;
  }
  if (traits.ramp_length > 0) {
    used -= traits.ramp * std::max(0.0, 1.0 - static_cast<double>(i) / traits.ramp_length);
  }
  return used;
}

double Above(const Traits& traits) { return traits.tooth + traits.evaluation + 3 * traits.noise; }

Series WithLeak(Dice* dice) {
  Series series{.leaks = true};
  series.capacity = dice->Scaled(8, 180) * kGiB;
  const double room = series.capacity * dice->Between(0.1, 0.7);
  const Traits traits = RandomTraits(dice, room);
  const double base = series.capacity - room;
  series.leak_begin = dice->Chance(0.5) ? 0 : static_cast<size_t>(dice->Whole(50, 1500));
  series.leak_room = room - Above(traits);
  double per_step = 0.5 * kMiB;
  double segment = 2 * kMiB;
  double gap = 0;  // of random stairs
  switch (dice->Whole(0, 2)) {
    case 0:
      series.kind = "slow leak";
      per_step = dice->Scaled(0.3, 3) * kMiB;
      break;
    case 1:
      series.kind = "staircase";
      segment = 20 * kMiB;
      per_step = dice->Scaled(0.3, 8) * kMiB;
      break;
    default:
      series.kind = "random stairs";
      segment = dice->Chance(0.5) ? 20 * kMiB : 2 * kMiB;
      per_step = dice->Scaled(0.3, 8) * kMiB;
      gap = segment / per_step;
  }
  // No longer than a watch of half a day: a leak that is slower has a smaller card.
  constexpr double kLongest = 30000;
  per_step = std::max(per_step, series.leak_room / kLongest);
  double stairs = 0;
  for (int i = 0;; ++i) {
    const double steps = std::max(0.0, i - static_cast<double>(series.leak_begin));
    if (gap > 0 && steps > 0) stairs += dice->Poisson(per_step / segment) * segment;
    const double leak = gap > 0 ? stairs : Segments(steps * per_step, segment);
    const double used = base + leak + TraitsAt(traits, i, dice);
    series.used.push_back(used);
    if (used >= series.capacity) return series;
  }
}

Series WithoutLeak(Dice* dice) {
  Series series;
  series.capacity = dice->Scaled(8, 180) * kGiB;
  const double room = series.capacity * dice->Between(0.1, 0.7);
  Traits traits = RandomTraits(dice, room);
  const double base = series.capacity - room;
  const int length = dice->Whole(300, 8000);
  double extra = 0;
  int from = 0;
  int over = 1;
  std::vector<std::pair<int, int>> visits;  // of another process: begin and end
  const int shape = dice->Whole(0, 4);
  switch (shape) {
    case 0:
      series.kind = "steady";
      break;
    case 1:
      series.kind = "jumps";  // new shapes: each maximum stays
      break;
    case 2:
      series.kind = "load ramp";
      extra = dice->Scaled(0.02, 0.35) * room;
      from = dice->Whole(0, length / 2);
      over = dice->Whole(10, 200);
      break;
    case 3:
      series.kind = "other process";
      extra = dice->Scaled(0.02, 0.3) * room;
      for (int at = dice->Whole(20, 400); at < length; at += dice->Whole(50, 800)) {
        const int end = at + dice->Whole(10, 300);
        visits.emplace_back(at, end);
        at = end;
      }
      break;
    default:
      series.kind = "growing shapes";  // records of random sizes: ever rarer, ever smaller
      extra = dice->Scaled(0.02, 0.2) * room;
  }
  std::vector<std::pair<int, double>> jumps;
  if (shape == 1) {
    for (int n = dice->Whole(1, 4); n > 0; --n) {
      jumps.emplace_back(dice->Whole(0, length), dice->Scaled(0.01, 0.12) * room);
    }
  }
  double record = 0;
  for (int i = 0; i < length; ++i) {
    double used = base + TraitsAt(traits, i, dice);
    if (shape == 2) {
      used +=
          Segments(extra * std::clamp((i - from) / static_cast<double>(over), 0.0, 1.0), 2 * kMiB);
    }
    for (const auto& [at, size] : jumps) used += i >= at ? size : 0;
    for (const auto& [begin, end] : visits) used += i >= begin && i < end ? extra : 0;
    if (shape == 4) {
      record = std::max(record, dice->Between(0, 1));
      used += Segments(extra * record, 20 * kMiB);
    }
    series.used.push_back(std::min(used, series.capacity * 0.999));
  }
  return series;
}

struct Score {
  int series = 0, alarms = 0, in_time = 0, foretold = 0, within = 0;
  double gone = 0;  // of the room at the alarm, summed
};

void Judge(const Series& series, Score* score) {
  GrowthDetector detector;
  ++score->series;
  const auto end = static_cast<double>(series.used.size() - 1);
  for (size_t i = 0; i < series.used.size(); ++i) {
    detector.Add(static_cast<double>(i), Bytes(static_cast<int64_t>(series.used[i])));
    if (i % kAssessEvery != 0) continue;
    const Growth growth = detector.Assess(Bytes(static_cast<int64_t>(series.capacity)));
    if (!growth.certain) continue;
    ++score->alarms;
    if (!series.leaks) return;
    const double life = end - static_cast<double>(series.leak_begin);
    const double gone = (static_cast<double>(i) - static_cast<double>(series.leak_begin)) / life;
    score->gone += gone;
    if (gone >= 0 && gone < 0.6) ++score->in_time;
    if (growth.seconds_left) {
      ++score->foretold;
      const double left = end - static_cast<double>(i);
      if (left >= growth.seconds_left->low && left <= growth.seconds_left->high) ++score->within;
    }
    return;
  }
}

double Percent(int part, int whole) { return whole == 0 ? 0 : 100.0 * part / whole; }

}  // namespace

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const int count = argc > 2 ? std::atoi(argv[2]) : 1000;
  Dice dice(seed);
  std::map<std::string, Score> leaks;
  std::map<std::string, Score> others;
  for (int n = 0; n < count; ++n) {
    const Series series = n % 2 == 0 ? WithLeak(&dice) : WithoutLeak(&dice);
    Judge(series, &(series.leaks ? leaks : others)[series.kind]);
  }
  Score all_leaks;
  Score all_others;
  std::printf("seed %llu, %d series\n", static_cast<unsigned long long>(seed), count);
  std::printf("%-16s %7s %9s %8s %12s\n", "leak", "series", "in time", "gone", "ETA within");
  for (const auto& [kind, score] : leaks) {
    std::printf("%-16s %7d %8.2f%% %7.0f%% %11.1f%%\n", kind.c_str(), score.series,
                Percent(score.in_time, score.series),
                score.alarms > 0 ? 100 * score.gone / score.alarms : 0,
                Percent(score.within, score.foretold));
    all_leaks.series += score.series, all_leaks.in_time += score.in_time;
    all_leaks.foretold += score.foretold, all_leaks.within += score.within;
  }
  std::printf("%-16s %7s %9s\n", "no leak", "series", "alarms");
  for (const auto& [kind, score] : others) {
    std::printf("%-16s %7d %8.2f%%\n", kind.c_str(), score.series,
                Percent(score.alarms, score.series));
    all_others.series += score.series, all_others.alarms += score.alarms;
  }
  std::printf("found in time %.2f %%, false alarms %.2f %%, ends foretold within %.1f %%\n",
              Percent(all_leaks.in_time, all_leaks.series),
              Percent(all_others.alarms, all_others.series),
              Percent(all_leaks.within, all_leaks.foretold));
  return 0;
}
