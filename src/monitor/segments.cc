#include "monitor/segments.h"

#include <algorithm>
#include <unordered_map>

#include "allocator/device.h"
#include "allocator/player.h"

namespace vramcast::monitor {
namespace {

// Allocations that found no room, and are still wanted.
class Unplaced {
 public:
  void Add(const Event& event) {
    sizes_[event.allocation.value] = event.size;
    sum_ += event.size;
  }
  void Free(const Event& event) {
    const auto found = sizes_.find(event.allocation.value);
    if (found == sizes_.end()) return;
    sum_ -= found->second;
    sizes_.erase(found);
  }
  Bytes sum() const { return sum_; }

 private:
  std::unordered_map<uint32_t, Bytes> sizes_;
  Bytes sum_;
};

}  // namespace

std::vector<Segment> SegmentsOf(const Trace& trace) {
  std::vector<Segment> segments;
  for (uint32_t i = 0; i < trace.events.size(); ++i) {
    const Phase phase = trace.events[i].phase;
    if (segments.empty() || segments.back().phase != phase) {
      segments.push_back({.phase = phase, .begin = i, .end = i});
    }
    segments.back().end = i + 1;
  }
  return segments;
}

std::vector<SegmentUse> PlaySegments(const Trace& trace, const std::vector<Segment>& segments,
                                     const AllocatorSettings& settings, Bytes room, Bytes beside) {
  SimulatedDevice device({.total = room, .context = beside});
  OccupyStart(trace, device);
  Player player(trace, settings, device);
  const Allocator& allocator = player.allocator();
  Unplaced unplaced;
  std::vector<SegmentUse> uses;
  for (const Segment& segment : segments) {
    SegmentUse use;
    for (uint32_t i = segment.begin; i < segment.end; ++i) {
      const Event& event = trace.events[i];
      if (event.action == Action::kFreeRequested || event.action == Action::kFreeCompleted) {
        unplaced.Free(event);
      }
      if (!player.Step(i)) {
        unplaced.Add(event);
        // What is wanted now, without what fragmentation would add; at least what rounding leaves.
        constexpr Bytes kLeast(2 << 20);
        const Bytes wanted = Bytes(allocator.allocated_bytes()) + unplaced.sum() + beside;
        use.lacks = std::max({use.lacks, wanted - room, kLeast});
      }
      use.allocated = std::max(use.allocated, Bytes(allocator.allocated_bytes()));
      use.reserved = std::max(use.reserved, Bytes(allocator.reserved_bytes()));
    }
    uses.push_back(use);
  }
  return uses;
}

}  // namespace vramcast::monitor
