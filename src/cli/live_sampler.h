// Asks the driver in a thread of its own: a driver that hangs must not keep `watch` from answering
// keys and signals.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/result.h"
#include "cli/wake.h"
#include "gpu/sampler.h"

namespace vramcast::cli {

class LiveSampler {
 public:
  // `wake` must outlive it.
  LiveSampler(std::unique_ptr<gpu::Sampler> sampler, const Wake* wake);
  ~LiveSampler();  // does not wait for a driver that hangs
  LiveSampler(const LiveSampler&) = delete;
  LiveSampler& operator=(const LiveSampler&) = delete;

  // Begins a sample unless one is under way.
  void Ask();
  // The answer, once there is one; `wake` rings then.
  std::optional<Result<gpu::Machine>> Take();
  // For how long the driver has owed an answer; nothing: it owes none.
  std::optional<std::chrono::steady_clock::duration> Waiting() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace vramcast::cli
