// How well growth is told from everything that looks like it, on made-up series (growth_series.h
// says which), and how well other rules tell it (growth_rivals.h). Prints by kind how many leaks
// were found before 60 % of what they take was gone, how many series without a leak raised an
// alarm, and how often the foretold end lay within its interval. An alarm before a leak has begun
// is a false one. Series of both sorts alternate.
//
// Usage: growth_accuracy [SEED [SERIES [RULE [SET]]]]. Seed 1 is the one that thresholds are tuned
// on. RULE: ours, all (the default). SET: shapes (growth_series.h, the default), programs
// (growth_program.h).
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "growth_program.h"
#include "growth_rivals.h"
#include "growth_series.h"
#include "monitor/growth.h"

namespace {

using growth_bench::Alarm;
using growth_bench::Rule;
using growth_bench::Series;
using vramcast::Bytes;
using vramcast::monitor::Growth;
using vramcast::monitor::GrowthDetector;
using vramcast::monitor::GrowthKind;

class Ours : public Rule {
 public:
  std::string_view name() const override { return "vramcast"; }
  void Begin(double capacity) override {
    detector_ = GrowthDetector();
    capacity_ = Bytes(static_cast<int64_t>(capacity));
  }
  std::optional<Alarm> Add(double time, double used) override {
    detector_.Add(time, Bytes(static_cast<int64_t>(used)));
    const Growth growth = detector_.Assess(capacity_);
    grows_ = growth.kind == GrowthKind::kGrowing;
    if (!growth.certain) return std::nullopt;
    if (!growth.seconds_left) return Alarm{};
    return Alarm{.low = growth.seconds_left->low, .high = growth.seconds_left->high};
  }
  bool grows() const override { return grows_; }

 private:
  bool grows_ = false;
  GrowthDetector detector_;
  Bytes capacity_;
};

struct Score {
  int series = 0, alarms = 0, early = 0, in_time = 0, foretold = 0, within = 0;
  int open = 0;     // intervals of the end that have none
  int grows = 0;    // series that were called growing at some time
  double gone = 0;  // of what leaks, at the alarm, summed

  void operator+=(const Score& o) {
    series += o.series, alarms += o.alarms, early += o.early, in_time += o.in_time;
    foretold += o.foretold, within += o.within, gone += o.gone;
    open += o.open, grows += o.grows;
  }
};
using Scores = std::map<std::string, Score>;

bool verbose = false;

// Follows one series to the first alarm.
void Judge(const Series& series, int number, Rule* rule, Score* score) {
  ++score->series;
  rule->Begin(series.capacity);
  const size_t begun = series.leaks ? series.Gone(1e-9) : series.points.size();
  const size_t too_late = series.leaks ? series.Gone(0.6) : series.points.size();
  const auto note = [&](const char* what, size_t at, double gone) {
    if (!verbose) return;
    std::printf("# %d %s: %s at %zu of %zu (leak %zu, late %zu), %.2f\n", number,
                series.kind.c_str(), what, at, series.points.size(), begun, too_late, gone);
  };
  bool grew = false;
  for (size_t i = 0; i < series.points.size(); ++i) {
    const growth_bench::Point& point = series.points[i];
    const std::optional<Alarm> alarm = rule->Add(point.time, point.used);
    if (rule->grows() && !grew) ++score->grows, grew = true;
    if (!alarm) continue;
    ++score->alarms;
    if (!series.leaks || i < begun) {
      ++score->early;
      note("false", i, 0);
      return;
    }
    const double gone = point.leaked / series.points.back().leaked;
    score->gone += gone;
    if (i < too_late) {
      ++score->in_time;
    } else {
      note("late", i, gone);
    }
    if (alarm->low && alarm->high) {
      ++score->foretold;
      if (std::isinf(*alarm->high)) ++score->open;
      const double left = series.points.back().time - point.time;
      if (left >= *alarm->low && left <= *alarm->high) {
        ++score->within;
      } else if (verbose) {
        std::printf("# %d %s: end in %.0f, told %.0f to %.0f\n", number, series.kind.c_str(), left,
                    *alarm->low, *alarm->high);
      }
    }
    return;
  }
  if (series.leaks) note("missed", series.points.size(), 1);
}

double Percent(int part, int whole) { return whole == 0 ? 0 : 100.0 * part / whole; }

Score Total(const Scores& scores) {
  Score total;
  for (const auto& [kind, score] : scores) {
    if (kind != growth_bench::kQuickLeak) total += score;
  }
  return total;
}

void PrintLeak(const char* name, const Score& score) {
  const int true_alarms = score.alarms - score.early;
  std::printf("%-17s %6d %8.2f%% %7.0f%% %10.1f%%\n", name, score.series,
              Percent(score.in_time, score.series),
              true_alarms > 0 ? 100 * score.gone / true_alarms : 0,
              Percent(score.within, score.foretold));
}

void Print(std::string_view rule, const Scores& leaks, const Scores& others) {
  std::printf("\n%.*s\n%-17s %6s %9s %8s %11s\n", static_cast<int>(rule.size()), rule.data(),
              "leak", "series", "in time", "gone", "ETA within");
  for (const auto& [kind, score] : leaks) PrintLeak(kind.c_str(), score);
  std::printf("%-17s %6s %9s %14s\n", "no leak", "series", "alarms", "called growing");
  for (const auto& [kind, score] : others) {
    std::printf("%-17s %6d %8.2f%% %13.1f%%\n", kind.c_str(), score.series,
                Percent(score.early, score.series), Percent(score.grows, score.series));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const int count = argc > 2 ? std::atoi(argv[2]) : 1000;
  const bool all = argc <= 3 || std::strcmp(argv[3], "ours") != 0;
  const bool programs = argc > 4 && std::strcmp(argv[4], "programs") == 0;
  const auto make_leak = programs ? growth_bench::MakeLeakingProgram : growth_bench::MakeLeak;
  const auto make_other = programs ? growth_bench::MakeSoundProgram : growth_bench::MakeOther;
  verbose = std::getenv("GROWTH_VERBOSE") != nullptr;
  std::vector<std::unique_ptr<Rule>> rules;
  rules.push_back(std::make_unique<Ours>());
  if (all) {
    rules.push_back(growth_bench::MakeTraceMl());
    rules.push_back(growth_bench::MakeVramtop());
    rules.push_back(growth_bench::MakeTrendTest());
    rules.push_back(growth_bench::MakeBettingTest());
  }
  std::vector<Scores> leaks(rules.size()), others(rules.size());
  growth_bench::Dice dice(seed);
  for (int n = 0; n < count; ++n) {
    const Series series = n % 2 == 0 ? make_leak(&dice) : make_other(&dice);
    for (size_t r = 0; r < rules.size(); ++r) {
      Judge(series, n, rules[r].get(), &(series.leaks ? leaks : others)[r][series.kind]);
    }
  }
  std::printf("seed %llu, %d series\n", static_cast<unsigned long long>(seed), count);
  Print(rules[0]->name(), leaks[0], others[0]);
  std::printf("\n%-13s %9s %9s %8s %11s %9s\n", "rule", "in time", "false", "gone", "ETA within",
              "open end");
  for (size_t r = 0; r < rules.size(); ++r) {
    const Score found = Total(leaks[r]), wrong = Total(others[r]);
    const int alarms = found.alarms - found.early;
    std::printf("%-13s %8.2f%% %8.2f%% %7.0f%% %10.1f%% %8.1f%%\n",
                std::string(rules[r]->name()).c_str(), Percent(found.in_time, found.series),
                Percent(wrong.early, wrong.series), alarms > 0 ? 100 * found.gone / alarms : 0,
                Percent(found.within, found.foretold), Percent(found.open, found.foretold));
  }
  return 0;
}
