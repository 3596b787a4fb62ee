// Tensors that were handed to collectives and stay alive after the optimizer's step.
// ProcessGroupNCCL keeps them until its watchdog thread sees the work done (ProcessGroupNCCL.cpp,
// stashed_for_allocator_safety_; waiting on the future, as nanochat does, does not let go). The
// thread looks every 100 ms, so a step's set is still alive in the next forward pass; where steps
// are short against its period, so is that of the step before.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/bytes.h"
#include "forecast/job.h"
#include "forecast/writer.h"

namespace vramcast::forecast {

// How much of the last step but one is still held.
enum class Lingering : uint8_t {
  kNone,     // steps take longer than the watchdog's period
  kGathers,  // the newest work only: Muon's gathers
  kAll,
};
Lingering LingeringOf(const Job& job);

// Seconds of one training step, from its FLOPs and half of the card's peak: good to a factor of
// two.
double StepSeconds(const Job& job);

class Staging {
 public:
  enum class Use : uint8_t { kReduce, kGather };

  explicit Staging(Lingering lingering) : lingering_(lingering) {}
  void Add(AllocationId id, Use use = Use::kReduce) { newest_.push_back({id, use}); }
  // A step's collectives begin: what is older is let go.
  void BeginStep(Writer* writer);
  void Release(Writer* writer);  // lets go of everything

 private:
  struct Entry {
    AllocationId id;
    Use use;
  };
  static void Free(std::vector<Entry>* entries, Writer* writer);

  Lingering lingering_;
  std::vector<Entry> newest_, before_;
};

}  // namespace vramcast::forecast
