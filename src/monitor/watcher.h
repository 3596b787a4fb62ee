// Follows a series of samples: one growth detector for each GPU and for each process on it, in
// bounded memory, and a report of what they say now.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/growth.h"
#include "monitor/sample.h"

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
  // Of a growing GPU: the place in `processes` of the one that grows most.
  std::optional<size_t> grower;
};

struct Report {
  double time = 0;
  std::optional<int64_t> step;
  std::optional<double> steps_per_second;  // where the samples carry steps
  std::vector<GpuReport> gpus;

  bool leaking() const;  // growth on some GPU is certain
};

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
  };
  void Follow(const std::string& gpu, const ProcessSample& process, double time);
  void ForgetTheGone();

  Sample last_;
  int64_t samples_ = 0;
  std::map<std::string, Followed> gpus_;
  std::map<std::pair<std::string, int64_t>, Followed> processes_;
  std::optional<std::pair<double, int64_t>> first_step_;
};

}  // namespace vramcast::monitor
