#include "analysis/proof.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "allocator/player.h"
#include "analysis/recorded_device.h"

namespace vramcast {
namespace {

constexpr size_t kListed = 100;

class Prover {
 public:
  Prover(const DeviceRecording& recording, const AllocatorSettings& settings)
      : recording_(recording), trace_(recording.trace), player_(trace_, settings, device_) {
    for (const Carried& carried : recording.carried) {
      if (!carried.block) inferred_.insert(carried.allocation.value);
    }
  }

  Proof Run() {
    const auto count = static_cast<uint32_t>(trace_.events.size());
    for (uint32_t i = 0; i < count; ++i) Step(i);
    Flush(count);
    proof_.segments_predicted = device_.predicted;
    CompareEnd();
    proof_.run = player_.Finish();
    proof_.units = player_.units();
    return std::move(proof_);
  }

 private:
  void Step(uint32_t i) {
    const Event& event = trace_.events[i];
    switch (event.action) {
      case Action::kSegmentAlloc:
      case Action::kSegmentFree:
      case Action::kSegmentMap:
      case Action::kSegmentUnmap:
        if (device_.expected.empty()) first_operation_ = i;
        device_.expected.push_back({event.action, recording_.addresses[i], event.size.count()});
        ++proof_.segments;
        return;
      case Action::kAlloc:
        return Alloc(i);
      case Action::kOom: {
        ++proof_.ooms;
        device_.free_bytes = Bytes(static_cast<int64_t>(recording_.addresses[i]));
        if (player_.Step(i)) proof_.ooms_predicted = false;
        return Flush(i);
      }
      case Action::kFreeRequested:
      case Action::kSnapshot:
        Flush(i);
        [[fallthrough]];
      case Action::kFreeCompleted:
      case Action::kEmptyCache:
        player_.Step(i);
    }
  }

  Allocator& allocator() { return player_.allocator(); }

  void Alloc(uint32_t i) {
    const Event& event = trace_.events[i];
    ++proof_.allocations;
    const uint16_t group = trace_.PoolGroupOf(event.allocation);
    const bool cached =
        event.size > Bytes(0) && allocator().IsCached(event.size.count(), event.stream, group);
    const bool gives_back =
        !device_.expected.empty() && (device_.expected.front().action == Action::kSegmentFree ||
                                      device_.expected.front().action == Action::kSegmentUnmap);
    // Memory was given back though this request did not need it: the program emptied the cache.
    if (cached && gives_back) EmptyCache();
    const uint64_t recorded = recording_.addresses[i];
    // A miss without a new segment cannot be: something is not as the recording shows.
    if (!cached && device_.expected.empty()) return Correct(i, recorded, 0);
    if (!player_.Step(i)) return Correct(i, recorded, 0);
    ApplyRest();
    const BlockId block = player_.BlockOf(event.allocation);
    if (!block.valid())
      return Correct(i, recorded, 0);  // of no bytes: hostile recordings have them
    const uint64_t predicted = allocator().block(block).address;
    if (predicted == recorded) {
      ++proof_.predicted;
      ++proof_.at_recorded_address;
      return;
    }
    allocator().CompleteFree(block);
    if (!LateSlack(i, recorded)) Correct(i, recorded, predicted);
  }

  // A block that was there before the recording owns more than its request shows, and this
  // allocation, which landed behind it, is the first to tell.
  bool LateSlack(uint32_t i, uint64_t recorded) {
    const BlockId free = allocator().BlockAt(recorded);
    if (!free.valid() || allocator().block(free).state != BlockState::kFree) return false;
    const uint64_t slack = recorded - allocator().block(free).address;
    const BlockId before = allocator().block(free).previous;
    if (slack == 0 || slack > static_cast<uint64_t>(kSmallSize) || !before.valid() ||
        !IsInferred(before) || !allocator().Enlarge(before, static_cast<int64_t>(slack))) {
      return false;
    }
    const Event& event = trace_.events[i];
    const auto again =
        allocator().Malloc(event.size.count(), event.stream, trace_.PoolGroupOf(event.allocation));
    if (!again) return false;
    if (allocator().block(*again).address != recorded) {
      allocator().CompleteFree(*again);
      return false;
    }
    player_.Bind(i, *again);
    ++proof_.late_slack;
    return true;
  }
  bool IsInferred(BlockId block) const {
    return std::any_of(inferred_.begin(), inferred_.end(),
                       [&](uint32_t id) { return player_.BlockOf(AllocationId{id}) == block; });
  }

  // Follows the recording, so that what comes later is still compared with the right state.
  void Correct(uint32_t i, uint64_t recorded, uint64_t predicted) {
    if (predicted != 0) ++proof_.predicted;
    if (proof_.mismatches.size() < kListed) proof_.mismatches.push_back({i, recorded, predicted});
    ApplyRest();
    const Event& event = trace_.events[i];
    if (event.size <= Bytes(0)) return;
    if (const auto block = allocator().MallocAt(recorded, event.size.count())) {
      player_.Bind(i, *block);
    } else {
      player_.BindOutside(i);
    }
  }

  void EmptyCache() {
    proof_.empty_caches.push_back(first_operation_);
    allocator().EmptyCache();
  }

  // Operations that belong to no allocation: the cache was emptied.
  void Flush(uint32_t) {
    if (device_.expected.empty()) return;
    if (device_.expected.front().action == Action::kSegmentFree ||
        device_.expected.front().action == Action::kSegmentUnmap) {
      EmptyCache();
    }
    ApplyRest();
  }

  // What the recording shows and no rule predicted.
  void ApplyRest() {
    while (!device_.expected.empty()) {
      const RecordedDevice::Operation next = device_.expected.front();
      device_.expected.pop_front();
      if (next.action == Action::kSegmentFree || next.action == Action::kSegmentUnmap) {
        allocator().Release(next.address);
      } else if (next.action == Action::kSegmentAlloc) {
        const PoolId pool = next.size <= kSmallBuffer ? 0 : 1;
        const SegmentId segment = allocator().PlaceSegment(next.address, next.size, 0, pool, false);
        allocator().PlaceBlock(segment, next.size, 0, BlockState::kFree);
      }
    }
  }

  void CompareEnd() {
    struct Sizes {
      int64_t size;
      bool active;
    };
    std::unordered_map<uint64_t, Sizes> blocks;
    uint32_t free_here = 0;
    for (uint32_t s = 0; s < allocator().segment_count(); ++s) {
      const Segment& segment = allocator().segment(s);
      if (!segment.alive) continue;
      for (BlockId id = segment.first; id.valid(); id = allocator().block(id).next) {
        const Block& block = allocator().block(id);
        if (block.state == BlockState::kUnmapped) continue;
        const bool active = block.state != BlockState::kFree;
        blocks[block.address] = {block.size, active};
        if (!active) ++free_here;
      }
    }
    uint32_t free_there = 0, free_equal = 0;
    for (const RecordedSegment& segment : recording_.segments) {
      for (const RecordedBlock& block : segment.blocks) {
        const auto at = blocks.find(block.address);
        const bool same = at != blocks.end() && at->second.size == block.size.count();
        if (block.state == RecordedState::kInactive) {
          ++free_there;
          if (same && !at->second.active) ++free_equal;
        } else {
          ++proof_.final_blocks;
          if (same && at->second.active) ++proof_.final_blocks_equal;
        }
      }
    }
    proof_.final_free_equal = free_here == free_there && free_equal == free_there;
  }

  const DeviceRecording& recording_;
  const Trace& trace_;
  RecordedDevice device_;
  Player player_;
  Proof proof_;
  std::unordered_set<uint32_t> inferred_;
  uint32_t first_operation_ = 0;
};

}  // namespace

Proof Prove(const DeviceRecording& device, const AllocatorSettings& settings) {
  return Prover(device, settings).Run();
}

TieRule FindTieRule(const DeviceRecording& device, const AllocatorSettings& settings) {
  TieRule best = settings.tie_rule;
  uint32_t best_right = 0;
  for (const TieRule rule :
       {settings.tie_rule, TieRule::kAddress, TieRule::kSegmentCounter, TieRule::kBlockCounter}) {
    AllocatorSettings trial = settings;
    trial.tie_rule = rule;
    const Proof proof = Prove(device, trial);
    if (proof.exact()) return rule;
    if (proof.at_recorded_address > best_right) {
      best = rule;
      best_right = proof.at_recorded_address;
    }
  }
  return best;
}

}  // namespace vramcast
