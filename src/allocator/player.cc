#include "allocator/player.h"

#include <algorithm>

namespace vramcast {

Player::Player(const Trace& trace, const AllocatorSettings& settings, Device& device)
    : trace_(trace),
      device_(device),
      allocator_(settings, device, trace.streams),
      blocks_(trace.allocation_count),
      units_(trace.allocation_count) {
  PlaceStart();
  peak_ = {Bytes(Allocated()), Bytes(allocator_.reserved_bytes()), kStartOfTrace};
}

void Player::PlaceStart() {
  for (const StartSegment& start : trace_.start) {
    const auto pool = static_cast<PoolId>(2 * start.pool_group + (start.is_small ? 0 : 1));
    const SegmentId segment = allocator_.PlaceSegment(start.address, start.size.count(),
                                                      start.stream, pool, start.is_expandable);
    for (const StartBlock& block : start.blocks) {
      const BlockId id =
          allocator_.PlaceBlock(segment, block.size.count(), block.requested.count(), block.state);
      if (block.allocation.value >= blocks_.size()) continue;
      blocks_[block.allocation.value] = id;
      units_[block.allocation.value] = static_cast<uint32_t>(block.size.count() >> 9);
    }
  }
}

void Player::LeavePhase() {
  if (!in_phase_) return;
  std::optional<Peak>& best = phases_[static_cast<size_t>(phase_)];
  const Bytes reserved = phase_peak_.reserved;
  if (!best || phase_peak_.allocated > best->allocated) {
    phase_peak_.reserved = best ? std::max(best->reserved, reserved) : reserved;
    best = phase_peak_;
  } else {
    best->reserved = std::max(best->reserved, reserved);
  }
}

void Player::EnterPhase(Phase phase) {
  LeavePhase();
  phase_ = phase;
  in_phase_ = true;
  phase_peak_ = {Bytes(Allocated()), Bytes(allocator_.reserved_bytes()),
                 played_ == 0 ? kStartOfTrace : played_ - 1};
}

bool Player::Step(uint32_t i) {
  const Event& event = trace_.events[i];
  if (event.phase != phase_ || !in_phase_) EnterPhase(event.phase);
  if (!outside_.empty()) FreeOutside(event);
  played_ = i + 1;
  switch (event.action) {
    case Action::kAlloc:
      return Alloc(event, i);
    case Action::kFreeRequested:
      if (const BlockId id = BlockOf(event.allocation); id.valid()) allocator_.RequestFree(id);
      return true;
    case Action::kFreeCompleted:
      if (const BlockId id = BlockOf(event.allocation); id.valid()) {
        allocator_.CompleteFree(id);
        blocks_[event.allocation.value] = {};
      }
      return true;
    case Action::kEmptyCache:
      allocator_.EmptyCache();
      return true;
    case Action::kOom:
      return Alloc(event, i);
    case Action::kSegmentAlloc:
    case Action::kSegmentFree:
    case Action::kSegmentMap:
    case Action::kSegmentUnmap:
    case Action::kSnapshot:
      return true;
  }
  return true;
}

bool Player::Alloc(const Event& event, uint32_t i) {
  const int64_t size = event.size.count();
  if (size <= 0) return true;
  if (size >= kMaxRequest) {
    Fail(event, i);
    return false;
  }
  const auto group = trace_.PoolGroupOf(event.allocation);
  const std::optional<BlockId> block = allocator_.Malloc(size, event.stream, group);
  if (!block) {
    Fail(event, i);
    return false;
  }
  // A request that failed when it was recorded: how the program would have gone on is not known.
  if (event.action == Action::kOom) {
    allocator_.CompleteFree(*block);
    return true;
  }
  ++allocations_;
  Bind(i, *block);
  return true;
}

void Player::Bind(uint32_t i, BlockId block) {
  const AllocationId id = trace_.events[i].allocation;
  if (id.value < blocks_.size()) {
    blocks_[id.value] = block;
    units_[id.value] = static_cast<uint32_t>(allocator_.block(block).size >> 9);
  }
  Observe(i);
}

void Player::BindOutside(uint32_t i) {
  const Event& event = trace_.events[i];
  if (event.allocation.value >= units_.size()) return;
  const int64_t units = (event.size.count() + kMinBlockSize - 1) / kMinBlockSize;
  units_[event.allocation.value] = static_cast<uint32_t>(std::min<int64_t>(units, UINT32_MAX));
  outside_.insert(event.allocation.value);
  outside_bytes_ += static_cast<int64_t>(units_[event.allocation.value]) * kMinBlockSize;
  Observe(i);
}

void Player::FreeOutside(const Event& event) {
  if (event.action != Action::kFreeRequested && event.action != Action::kFreeCompleted) return;
  if (outside_.erase(event.allocation.value) == 0) return;
  outside_bytes_ -= static_cast<int64_t>(units_[event.allocation.value]) * kMinBlockSize;
}

void Player::Observe(uint32_t i) {
  const Bytes allocated(Allocated());
  const Bytes reserved(allocator_.reserved_bytes());
  if (allocated > phase_peak_.allocated) {
    phase_peak_.allocated = allocated;
    phase_peak_.event = i;
    if (allocated > peak_.allocated) {
      peak_.allocated = allocated;
      peak_.event = i;
    }
  }
  if (reserved > phase_peak_.reserved) {
    phase_peak_.reserved = reserved;
    if (reserved > peak_.reserved) peak_.reserved = reserved;
  }
}

void Player::Fail(const Event& event, uint32_t i) {
  if (oom_) return;
  OutOfMemory oom;
  oom.event = i;
  oom.requested = event.size;
  oom.segment = Bytes(allocator_.SegmentSize(std::min(event.size.count(), kMaxRequest - 1)));
  oom.device_free = device_.FreeBytes();
  oom.allocated = Bytes(Allocated());
  oom.reserved = Bytes(allocator_.reserved_bytes());
  oom.largest_free_block =
      Bytes(allocator_.LargestFree(std::min(event.size.count(), kMaxRequest - 1), event.stream,
                                   trace_.PoolGroupOf(event.allocation)));
  oom.by_memory_fraction = allocator_.refused_by_fraction();
  oom_ = oom;
}

Run Player::Finish() {
  LeavePhase();
  in_phase_ = false;
  // Reserved memory can rise above its last step in a request that fails at the end.
  peak_.reserved = std::max(peak_.reserved, Bytes(allocator_.statistics().reserved_bytes.all.peak));
  Run run;
  run.peak = peak_;
  run.phases = phases_;
  run.composition = CompositionAt(trace_, peak_.event, units_);
  run.allocated_at_end = Bytes(Allocated());
  run.reserved_at_end = Bytes(allocator_.reserved_bytes());
  run.allocations = allocations_;
  run.statistics = allocator_.statistics();
  run.oom = oom_;
  return run;
}

Composition CompositionAt(const Trace& trace, uint32_t last, const std::vector<uint32_t>& units) {
  // One slot per label and one for allocations without a label.
  const size_t none = trace.labels.size();
  std::vector<int64_t> bytes(none + 1);
  std::vector<uint32_t> count(none + 1);
  std::vector<LabelId> label_of(trace.allocation_count);
  std::vector<bool> live(trace.allocation_count);
  const auto slot = [&](LabelId label) {
    return label.valid() && label.value < none ? label.value : none;
  };
  const auto add = [&](AllocationId id, int sign) {
    const size_t s = slot(label_of[id.value]);
    bytes[s] += sign * (static_cast<int64_t>(units[id.value]) << 9);
    count[s] += static_cast<uint32_t>(sign);
  };
  for (const StartSegment& segment : trace.start) {
    for (const StartBlock& block : segment.blocks) {
      if (block.state != BlockState::kAllocated || block.allocation.value >= live.size()) continue;
      label_of[block.allocation.value] = block.label;
      live[block.allocation.value] = true;
      add(block.allocation, 1);
    }
  }
  const size_t end = last == kStartOfTrace ? 0 : std::min<size_t>(last + 1ul, trace.events.size());
  for (size_t i = 0; i < end; ++i) {
    const Event& event = trace.events[i];
    if (event.allocation.value >= live.size()) continue;
    const uint32_t id = event.allocation.value;
    if (event.action == Action::kAlloc) {
      label_of[id] = event.label;
      live[id] = true;
      add(event.allocation, 1);
    } else if (live[id] &&
               (event.action == Action::kFreeRequested || event.action == Action::kFreeCompleted)) {
      live[id] = false;
      add(event.allocation, -1);
    }
  }
  Composition composition;
  for (size_t s = 0; s <= none; ++s) {
    if (count[s] == 0) continue;
    const bool labelled = s < none;
    const LabelId label = labelled ? LabelId{static_cast<uint32_t>(s)} : LabelId{};
    const Category category = labelled ? trace.labels[s].category : Category::kOther;
    composition.by_category[static_cast<size_t>(category)] += Bytes(bytes[s]);
    composition.by_label.push_back({label, Bytes(bytes[s]), count[s]});
  }
  std::stable_sort(composition.by_label.begin(), composition.by_label.end(),
                   [](const LabelBytes& a, const LabelBytes& b) { return a.bytes > b.bytes; });
  return composition;
}

}  // namespace vramcast
