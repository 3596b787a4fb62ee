#include "monitor/watcher.h"

#include <algorithm>
#include <cmath>

namespace vramcast::monitor {

bool Report::leaking() const {
  return std::any_of(gpus.begin(), gpus.end(),
                     [](const GpuReport& gpu) { return gpu.growth.certain; });
}

bool Report::will_fail() const {
  return std::any_of(gpus.begin(), gpus.end(), [](const GpuReport& gpu) {
    return std::any_of(gpu.ahead.begin(), gpu.ahead.end(), [](const UpcomingPhase& phase) {
      return phase.verdict == PhaseVerdict::kWillFail;
    });
  });
}

std::optional<Interval> StepsLeft(const Growth& growth, const Report& report) {
  if (!growth.seconds_left || !report.steps_per_second) return std::nullopt;
  const Interval& left = *growth.seconds_left;
  const Interval& pace = *report.steps_per_second;
  return Interval{.value = std::floor(left.value * pace.value),
                  .low = std::floor(left.low * pace.low),
                  .high = std::ceil(left.high * pace.high)};
}

std::optional<Interval> SecondsUntil(int64_t step, const Report& report) {
  if (!report.steps_per_second || !report.step) return std::nullopt;
  const auto steps = static_cast<double>(std::max<int64_t>(step - *report.step, 0));
  const Interval& pace = *report.steps_per_second;
  return Interval{.value = steps / pace.value, .low = steps / pace.high, .high = steps / pace.low};
}

const Growth& Watcher::Judge(const Followed& followed, std::optional<Bytes> capacity,
                             int64_t patience) const {
  if (followed.judged == 0 || samples_ - followed.judged >= patience) {
    followed.growth = followed.detector.Assess(capacity);
    followed.judged = samples_;
  }
  return followed.growth;
}

void Watcher::Follow(const std::string& gpu, const ProcessSample& process, double time) {
  const auto key = std::pair(gpu, process.pid);
  if (!processes_.contains(key) && processes_.size() >= kMostProcesses) return;
  Followed& followed = processes_[key];
  followed.detector.Add(time, *process.used);
  followed.peak = std::max(followed.peak, *process.used);
  followed.last_seen = samples_;
}

void Watcher::ForgetTheGone() {
  // A process may be missing from one sample; a new one with its number begins anew.
  constexpr int64_t kPatience = 3;
  const int64_t oldest = samples_ - kPatience;
  std::erase_if(processes_,
                [oldest](const auto& entry) { return entry.second.last_seen < oldest; });
}

void Watcher::Add(const Sample& sample) {
  ++samples_;
  for (const GpuSample& gpu : sample.gpus) {
    Followed& followed = gpus_[gpu.id];
    followed.detector.Add(sample.time, gpu.used);
    followed.peak = std::max(followed.peak, gpu.used);
    for (const ProcessSample& process : gpu.processes) {
      if (process.used) Follow(gpu.id, process, sample.time);
    }
  }
  if (sample.step) pace_.Add(sample.time, *sample.step);
  ForgetTheGone();
  last_ = sample;
}

Report Watcher::Now() const {
  constexpr int64_t kProcessPatience = 8;  // samples for which a process's verdict is kept
  Report report{.time = last_.time, .step = last_.step, .total_steps = last_.total_steps};
  if (last_.step) report.steps_per_second = pace_.PerSecond();
  for (const GpuSample& sample : last_.gpus) {
    const Followed& followed = gpus_.at(sample.id);
    GpuReport gpu{
        .sample = sample, .growth = Judge(followed, sample.capacity, 1), .peak = followed.peak};
    const bool gpu_grows = gpu.growth.kind == GrowthKind::kGrowing;
    for (const ProcessSample& process : sample.processes) {
      ProcessReport one{.sample = process};
      const auto at = processes_.find({sample.id, process.pid});
      if (at != processes_.end()) {
        one.growth = Judge(at->second, std::nullopt, gpu_grows ? 1 : kProcessPatience);
        one.peak = at->second.peak;
      }
      gpu.processes.push_back(std::move(one));
    }
    std::stable_sort(gpu.processes.begin(), gpu.processes.end(),
                     [](const ProcessReport& a, const ProcessReport& b) {
                       return a.sample.used.value_or(Bytes(-1)) > b.sample.used.value_or(Bytes(-1));
                     });
    double fastest = 0;
    for (size_t i = 0; i < gpu.processes.size(); ++i) {
      const Growth& growth = gpu.processes[i].growth;
      if (growth.kind != GrowthKind::kGrowing || growth.bytes_per_second->value <= fastest)
        continue;
      fastest = growth.bytes_per_second->value;
      gpu.grower = i;
    }
    report.gpus.push_back(std::move(gpu));
  }
  return report;
}

}  // namespace vramcast::monitor
