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
  by_address_[address] = id;
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

BlockId Allocator::BlockAt(uint64_t address) const {
  auto after = by_address_.upper_bound(address);
  if (after == by_address_.begin()) return {};
  const Segment& segment = segments_[std::prev(after)->second];
  if (address - segment.address >= static_cast<uint64_t>(segment.size)) return {};
  for (BlockId id = segment.first; id.valid(); id = blocks_[id].next) {
    if (address - blocks_[id].address < static_cast<uint64_t>(blocks_[id].size)) return id;
  }
  return {};
}

std::optional<BlockId> Allocator::MallocAt(uint64_t address, int64_t requested) {
  const BlockId whole = BlockAt(address);
  if (!whole.valid() || blocks_[whole].state != BlockState::kFree) return std::nullopt;
  const auto offset = static_cast<int64_t>(address - blocks_[whole].address);
  Params params = ParamsOf(requested, blocks_[whole].stream, 0);
  params.size = std::min(params.size, blocks_[whole].size - offset);
  EraseFree(whole);
  if (offset > 0) {
    const BlockId front = NewBlock(blocks_[whole]);
    Block& before = blocks_[front];
    Block& rest = blocks_[whole];
    before.address = rest.address;
    before.size = offset;
    before.previous = rest.previous;
    before.next = whole;
    if (before.previous.valid()) {
      blocks_[before.previous].next = front;
    } else {
      segments_[before.segment].first = front;
    }
    const bool was_split = rest.is_split();
    rest.previous = front;
    rest.address += static_cast<uint64_t>(offset);
    rest.size -= offset;
    InsertFree(front);
    if (!rest.expandable) {
      statistics_.inactive_split.Increase(rest.is_small(), was_split ? 1 : 2);
      if (!was_split) {
        statistics_.inactive_split_bytes.Increase(rest.is_small(), offset + rest.size);
      }
    }
  }
  return HandOut(whole, params, requested);
}

bool Allocator::Release(uint64_t address) {
  const BlockId id = BlockAt(address);
  if (!id.valid() || blocks_[id].state != BlockState::kFree) return false;
  if (blocks_[id].expandable) {
    UnmapBlock(id);
    return true;
  }
  if (blocks_[id].is_split()) return false;
  ReleaseBlock(id);
  return true;
}

}  // namespace vramcast
