// Follows a series of samples: one growth detector for each GPU and for each process on it, in
// bounded memory, and a report of what they say now.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/growth.h"
#include "monitor/phases_ahead.h"
#include "monitor/sample.h"
#include "monitor/step_rate.h"

namespace vramcast::monitor {

struct ProcessReport {
  ProcessSample sample;
  Growth growth;
  Bytes peak;  // since it was first seen
};

struct GpuReport {
  GpuSample sample;
  Growth growth;
  Bytes peak;                            // since the watch began
  std::vector<ProcessReport> processes;  // largest first
  // The place in `processes` of the one that grows most, and whether another program than the one
  // that is watched is what grows; filled in by who knows the run, else not known.
  std::optional<size_t> grower;
  std::optional<bool> other_grows;
  // What its run has ahead of it, where that is known; filled in by who knows the run.
  std::vector<UpcomingPhase> ahead;
  std::optional<int64_t> run_pid;  // the process that has it ahead

  // Where it is known that another program is what grows: its process.
  const ProcessReport* other() const {
    return grower && other_grows.value_or(false) ? &processes[*grower] : nullptr;
  }
};

struct Report {
  double time = 0;
  std::optional<int64_t> step;
  std::optional<int64_t> total_steps;        // of the run
  std::optional<Interval> steps_per_second;  // where the samples carry steps
  std::vector<GpuReport> gpus;

  bool leaking() const;    // growth on some GPU is certain
  bool will_fail() const;  // a phase ahead will not fit on some GPU
};

// Time to out-of-memory in steps; nothing without growth or steps. The high end may be infinite.
std::optional<Interval> StepsLeft(const Growth& growth, const Report& report);
// Until a step is reached; nothing where the pace is not known.
std::optional<Interval> SecondsUntil(int64_t step, const Report& report);

class Watcher {
 public:
  void Add(const Sample& sample);
  Report Now() const;
  int64_t samples() const { return samples_; }

  // Processes that are followed at once; the smallest are not followed beyond that.
  static constexpr size_t kMostProcesses = 512;

 private:
  struct Followed {
    GrowthDetector detector;
    Bytes peak;
    int64_t last_seen = 0;
    // The verdict is kept for some samples, since judging costs far more than adding.
    mutable Growth growth;
    mutable int64_t judged = 0;  // at this sample; 0: never
  };
  const Growth& Judge(const Followed& followed, std::optional<Bytes> capacity,
                      int64_t patience) const;
  void Follow(const std::string& gpu, const ProcessSample& process, double time);
  void ForgetTheGone();

  Sample last_;
  int64_t samples_ = 0;
  std::map<std::string, Followed> gpus_;
  std::map<std::pair<std::string, int64_t>, Followed> processes_;
  StepRate pace_;
};

}  // namespace vramcast::monitor
