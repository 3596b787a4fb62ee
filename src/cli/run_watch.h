// What `run` sees of an attempt while it runs: its output, the memory that its processes hold, and
// whether it waits for a rank that is dead.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "diagnosis/log.h"
#include "gpu/sampler.h"
#include "supervise/child.h"

namespace vramcast::cli {

class RunWatch {
 public:
  struct Options {
    std::string records;              // the start-up module's folder; empty: there is none
    std::chrono::milliseconds stall;  // silence after a rank's death; 0: wait for ever
    std::function<void(const gpu::Machine&)> on_sample;  // for the history; may be empty
  };
  explicit RunWatch(Options options);

  // In constant memory, whatever the length of the output.
  void Output(std::string_view bytes);
  // False: a rank died for want of memory, and the others wait for it.
  bool Pulse(const supervise::Pulse& pulse);

  diagnosis::Log TakeLog() { return log_.Finish("output"); }  // once
  // The most that the command's processes held on one GPU, where the driver tells it.
  std::optional<Bytes> device_peak() const { return device_peak_; }
  bool stalled() const { return stalled_; }

 private:
  void SampleGpus(pid_t root);
  bool DeadRankIsGone(pid_t root);

  Options options_;
  diagnosis::LogStream log_;
  std::string seam_;  // the end of what came last, where a word may have been cut
  bool out_of_memory_printed_ = false;
  std::vector<pid_t> when_printed_;  // processes that lived then
  std::optional<pid_t> root_;
  std::unique_ptr<gpu::Sampler> sampler_;
  bool sampler_tried_ = false;
  std::optional<Bytes> held_before_;  // on the GPUs, where the driver lists no processes
  std::chrono::steady_clock::time_point next_sample_{};
  std::optional<Bytes> device_peak_;
  bool stalled_ = false;
};

}  // namespace vramcast::cli
