// What went well before the crash, and what grew meanwhile.
#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/rules.h"
#include "diagnosis/suspects.h"

namespace vramcast::diagnosis {
namespace {

// Memory that the run printed of itself, rising nearly every time.
void RisingMemory(const Case& c, Ballot& ballot) {
  const std::vector<Bytes>& series = c.memory_series;
  if (series.size() < 4) {
    return;
  }
  size_t falls = 0, rises = 0;
  for (size_t i = 1; i < series.size(); ++i) {
    falls += series[i] < series[i - 1];
    rises += series[i] > series[i - 1];
  }
  const double growth = static_cast<double>(series.back().count()) /
                        static_cast<double>(std::max<int64_t>(series.front().count(), 1));
  if (growth < 1.1 || falls * 5 > series.size() || rises < 3) {
    return;  // a first step that is lower than the rest is not growth
  }
  ballot.Add(Cause::kGrowthOverTime, kStrong,
             {{fmt::format("{} rose from {} to {} over {} lines", c.memory_source,
                           FormatBytes(series.front()), FormatBytes(series.back()), series.size()),
               "computed"}});
}

// The same step fitted many times. Batches of varying length and a first, rare, larger one are the
// other explanation, so this is a hint; where no number speaks for a full card it weighs more.
void FittedManyTimes(const Case& c, Ballot& ballot) {
  constexpr int64_t kMany = 50;
  if (!c.event->step || *c.event->step < kMany || c.event->pattern != crashlog::Pattern::kGradual) {
    return;
  }
  const bool numbers = c.figures.total.has_value() && c.figures.pool.has_value();
  std::vector<Evidence> evidence;
  if (c.progress) {
    evidence.push_back(*c.progress);
  }
  evidence.push_back(
      {fmt::format("{} steps or episodes had fitted before", *c.event->step), "computed"});
  ballot.Add(Cause::kGrowthOverTime, numbers ? 1.5 * kHint : kClear + kHint, std::move(evidence));
}

// Apple's allocator keeps blocks for every shape that it has seen; evaluation and generation bring
// new shapes all the time, and what is "allocated" there counts the kept blocks.
void ManyShapes(const Case& c, Ballot& ballot) {
  if (!c.figures.watermark || c.event->pattern != crashlog::Pattern::kEvaluation) {
    return;
  }
  ballot.Add(
      Cause::kGrowthOverTime, kClear + kHint,
      {{"evaluation brings a new input shape with every example, and the MPS allocator keeps "
        "blocks for each",
        "computed"}});
}

void KeptTensors(const Case& c, Ballot& ballot) {
  for (const Suspect& suspect : FindSuspects(c)) {
    ballot.Add(Cause::kGrowthOverTime, kHint, {{suspect.line.text, suspect.line.source}});
  }
}

}  // namespace

std::span<const Rule> HistoryRules() {
  static constexpr Rule kRules[] = {RisingMemory, FittedManyTimes, ManyShapes, KeptTensors};
  return kRules;
}

}  // namespace vramcast::diagnosis
