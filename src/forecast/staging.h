// Tensors that were handed to collectives and stay alive after the optimizer's step.
// ProcessGroupNCCL keeps them until its watchdog thread, which looks every 100 ms, has seen the
// work done, and lets go of them on the program's own thread when that issues its next collective
// (ProcessGroupNCCL.cpp, shelvesToUnstash_; waiting on the future, as nanochat does, does not let
// go). No collective is issued between two optimizer steps, so a step's set is always alive in the
// next forward and backward pass. It is alive in the one after that too if the host issues that
// step, its collectives included, before the watchdog looks again.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "forecast/job.h"
#include "forecast/writer.h"

namespace vramcast::forecast {

// The most of the last step but one that is still held at the peak of some step.
enum class Lingering : uint8_t {
  kNone,        // the watchdog always looks in between
  kLastGather,  // what the first step issued after it had compiled its last kernel
  kGathers,     // the same where its kernels were compiled before: Muon's gathers
  kAll,
};
Lingering LingeringOf(const Job& job);
// By the host's time alone, as if no GPU kept it waiting: the most that LingeringOf could be.
Lingering WithinRound(const Job& job);

// Kernels that the host launches in one training step.
double LaunchesOf(const Job& job);

class Staging {
 public:
  enum class Use : uint8_t { kReduce, kGather, kLastGather };

  explicit Staging(Lingering lingering) : lingering_(lingering) {}
  void Add(AllocationId id, Use use = Use::kReduce) { newest_.push_back({id, use}); }
  // A step's collectives begin: what is older is let go.
  void BeginStep(Writer* writer);

 private:
  struct Entry {
    AllocationId id;
    Use use;
  };
  static void Free(std::vector<Entry>* entries, Writer* writer);
  bool Stays(Use use) const;

  Lingering lingering_;
  std::vector<Entry> newest_, before_;
};

}  // namespace vramcast::forecast
