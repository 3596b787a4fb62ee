// The allocator's state as a recording states it, put in place piece by piece.
#include <algorithm>

#include "allocator/allocator.h"

namespace vramcast {

SegmentId Allocator::PlaceSegment(uint64_t address, int64_t size, StreamId stream, PoolId pool,
                                  bool expandable) {
  const SegmentId id = segments_.Add();
  Segment& segment = segments_[id];
  segment.address = address;
  segment.size = size;
  segment.number = next_number_++;
  segment.stream = stream;
  segment.pool = pool;
  segment.expandable = expandable;
  segment.alive = true;
  if (!expandable) {
    statistics_.segment.Increase((pool & 1) == 0, 1);
    statistics_.reserved_bytes.Increase((pool & 1) == 0, size);
    if (size >= max_split_size_) statistics_.oversize_segments.Increase(1);
  }
  return id;
}

BlockId Allocator::PlaceBlock(SegmentId segment, int64_t size, int64_t requested,
                              BlockState state) {
  const Segment& home = segments_[segment];
  BlockId last = home.first;
  uint64_t address = home.address;
  if (last.valid()) {
    last = last_placed_.valid() && blocks_[last_placed_].segment == segment ? last_placed_ : last;
    while (blocks_[last].next.valid()) last = blocks_[last].next;
    address = blocks_[last].address + static_cast<uint64_t>(blocks_[last].size);
  }
  const BlockId id = blocks_.Add();
  last_placed_ = id;
  Block& block = blocks_[id];
  block.address = address;
  block.size = size;
  block.requested = requested;
  block.segment = segment;
  block.stream = home.stream;
  block.pool = home.pool;
  block.expandable = home.expandable;
  block.number = next_number_++;
  block.previous = last;
  if (last.valid()) {
    blocks_[last].next = id;
  } else {
    segments_[segment].first = id;
  }
  const bool is_small = block.is_small();
  if (block.expandable && state != BlockState::kUnmapped) {
    statistics_.reserved_bytes.Increase(is_small, size);
  }
  block.state = state;
  switch (state) {
    case BlockState::kUnmapped:
      InsertUnmapped(id);
      break;
    case BlockState::kFree:
      InsertFree(id);
      if (!block.expandable && size < segments_[segment].size) {
        statistics_.inactive_split.Increase(is_small, 1);
        statistics_.inactive_split_bytes.Increase(is_small, size);
      }
      break;
    case BlockState::kAllocated:
      statistics_.allocation.Increase(is_small, 1);
      statistics_.allocated_bytes.Increase(is_small, size);
      if (size >= max_split_size_) statistics_.oversize_allocations.Increase(1);
      [[fallthrough]];
    case BlockState::kPending:
      statistics_.active.Increase(is_small, 1);
      statistics_.active_bytes.Increase(is_small, size);
      statistics_.requested_bytes.Increase(is_small, requested);
      break;
  }
  return id;
}

bool Allocator::Enlarge(BlockId id, int64_t bytes) {
  const BlockId rest = blocks_[id].next;
  if (!rest.valid() || blocks_[rest].state != BlockState::kFree || blocks_[rest].size < bytes) {
    return false;
  }
  EraseFree(rest);
  const bool is_small = blocks_[id].is_small();
  const bool counted = !blocks_[id].expandable;
  blocks_[id].size += bytes;
  if (blocks_[id].state == BlockState::kAllocated) {
    statistics_.allocated_bytes.Increase(is_small, bytes);
  }
  statistics_.active_bytes.Increase(is_small, bytes);
  if (counted) statistics_.inactive_split_bytes.Decrease(is_small, bytes);
  Block& tail = blocks_[rest];
  tail.address += static_cast<uint64_t>(bytes);
  tail.size -= bytes;
  if (tail.size > 0) {
    InsertFree(rest);
    return true;
  }
  if (counted) statistics_.inactive_split.Decrease(is_small, 1);
  blocks_[id].next = tail.next;
  if (tail.next.valid()) blocks_[tail.next].previous = id;
  blocks_.Remove(rest);
  return true;
}

bool Allocator::Release(uint64_t address) {
  for (uint32_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[SegmentId{i}];
    if (!segment.alive || address < segment.address ||
        address - segment.address >= static_cast<uint64_t>(segment.size)) {
      continue;
    }
    for (BlockId id = segment.first; id.valid(); id = blocks_[id].next) {
      const Block& block = blocks_[id];
      if (address - block.address >= static_cast<uint64_t>(block.size)) continue;
      if (block.state != BlockState::kFree) return false;
      if (segment.expandable) {
        UnmapBlock(id);
        return true;
      }
      if (block.is_split()) return false;
      ReleaseBlock(id);
      return true;
    }
  }
  return false;
}

}  // namespace vramcast
