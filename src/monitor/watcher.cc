#include "monitor/watcher.h"

#include <algorithm>

namespace vramcast::monitor {

bool Report::leaking() const {
  return std::any_of(gpus.begin(), gpus.end(),
                     [](const GpuReport& gpu) { return gpu.growth.certain; });
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
  if (sample.step && !first_step_) first_step_ = {sample.time, *sample.step};
  ForgetTheGone();
  last_ = sample;
}

Report Watcher::Now() const {
  Report report{.time = last_.time, .step = last_.step};
  if (last_.step && first_step_ && last_.time > first_step_->first &&
      *last_.step > first_step_->second) {
    report.steps_per_second =
        static_cast<double>(*last_.step - first_step_->second) / (last_.time - first_step_->first);
  }
  for (const GpuSample& sample : last_.gpus) {
    const Followed& followed = gpus_.at(sample.id);
    GpuReport gpu{.sample = sample,
                  .growth = followed.detector.Assess(sample.capacity),
                  .peak = followed.peak};
    for (const ProcessSample& process : sample.processes) {
      ProcessReport one{.sample = process};
      const auto at = processes_.find({sample.id, process.pid});
      if (at != processes_.end()) {
        one.growth = at->second.detector.Assess(std::nullopt);
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
