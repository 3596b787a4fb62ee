// Other rules that say whether memory grows, to be judged on the same series as ours: those of two
// tools, re-stated from what they document, and two textbook designs that were tried for ours.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace growth_bench {

struct Alarm {
  // Seconds until memory is full; nothing: the rule does not say.
  std::optional<double> low, high;
};

class Rule {
 public:
  virtual ~Rule() = default;
  virtual std::string_view name() const = 0;
  virtual void Begin(double capacity) = 0;  // a new series
  // Whether there is an alarm after this sample.
  virtual std::optional<Alarm> Add(double time, double used) = 0;
  // Whether it calls the memory growing, with or without an alarm.
  virtual bool grows() const { return false; }
};

// TraceML (diagnostics: "memory creep"): over the last 10,000 steps, 50 at least, the mean of the
// newest tenth is above that of the middle tenth, which is above that of an early one, and the
// newest is 1 GiB or more above the early one.
std::unique_ptr<Rule> MakeTraceMl();

// vramtop (README: OOM prediction): three of the last five rates, and their median, are above
// 1 MB/s, for ten samples on end; more than half of the memory is used; its least and its greatest
// rate give the range, and what is more than an hour away is not told.
std::unique_ptr<Rule> MakeVramtop();

// Theil and Sen's slope of the minima of up to 64 equal stretches, Mann and Kendall's test, and by
// the Bayesian information criterion no better fit of a saturating curve; 40 % of the room gone.
std::unique_ptr<Rule> MakeTrendTest();

// A bet on each stretch of 16 samples: the minimum rises or falls. Its winnings exceed 200 by
// chance in one of 200 series at most if both are as likely; 40 % of the room gone since they
// began.
std::unique_ptr<Rule> MakeBettingTest();

}  // namespace growth_bench
