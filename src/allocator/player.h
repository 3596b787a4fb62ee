// Steps through a Trace on an Allocator, event by event, and keeps the peaks. Play() runs it to the
// end; a replay that compares with recorded addresses looks at each step.
#pragma once

#include <array>
#include <optional>
#include <unordered_set>
#include <vector>

#include "allocator/allocator.h"
#include "allocator/play.h"

namespace vramcast {

class Player {
 public:
  // Puts the trace's start state in place. `trace` and `device` must outlive the Player.
  Player(const Trace& trace, const AllocatorSettings& settings, Device& device);

  // Plays event `i`; events are played in order, each once. False when memory ran out at it: the
  // block of that allocation is then invalid, and later frees of it do nothing.
  bool Step(uint32_t i);

  // The block that an allocation has; invalid before it and after its free.
  BlockId BlockOf(AllocationId id) const {
    return id.value < blocks_.size() ? blocks_[id.value] : BlockId{};
  }
  // The allocation of event `i` has this block after all.
  void Bind(uint32_t i, BlockId block);
  // The allocation of event `i` lies in memory that the allocator does not know: it counts as
  // allocated, and nothing else is known of it.
  void BindOutside(uint32_t i);
  Allocator& allocator() { return allocator_; }
  const Allocator& allocator() const { return allocator_; }
  // By AllocationId: the size of its block in units of 512 bytes, once it was allocated.
  const std::vector<uint32_t>& units() const { return units_; }
  const std::optional<OutOfMemory>& oom() const { return oom_; }  // the first

  // What the events played so far amount to. With the composition at the peak.
  Run Finish();

 private:
  void PlaceStart();
  void EnterPhase(Phase phase);
  void LeavePhase();
  bool Alloc(const Event& event, uint32_t i);
  void Fail(const Event& event, uint32_t i);
  void Observe(uint32_t i);
  void FreeOutside(const Event& event);
  int64_t Allocated() const { return allocator_.allocated_bytes() + outside_bytes_; }

  const Trace& trace_;
  Device& device_;
  Allocator allocator_;
  std::vector<BlockId> blocks_;           // by AllocationId
  std::vector<uint32_t> units_;           // by AllocationId: size of its block in 512 bytes
  std::unordered_set<uint32_t> outside_;  // AllocationIds
  int64_t outside_bytes_ = 0;
  Phase phase_ = Phase::kUnknown;
  bool in_phase_ = false;
  uint32_t played_ = 0;
  Peak peak_;
  Peak phase_peak_;
  std::array<std::optional<Peak>, kPhaseCount> phases_ = {};
  uint32_t allocations_ = 0;
  std::optional<OutOfMemory> oom_;
};

// Takes from the device what the trace's start state holds.
void OccupyStart(const Trace& trace, SimulatedDevice& device);

// What was allocated after event `last` (kStartOfTrace: before the first) when the blocks of the
// allocations have these sizes, in units of 512 bytes by AllocationId.
Composition CompositionAt(const Trace& trace, uint32_t last, const std::vector<uint32_t>& units);

}  // namespace vramcast
