// Expandable segments: one long range of addresses per pool and stream, in which memory is mapped
// and unmapped in handles of 2 MiB (small pool) or 20 MiB (large pool).
#include <algorithm>

#include "allocator/allocator.h"

namespace vramcast {
namespace {

// Address space when the device's size is not known: larger than any card.
constexpr int64_t kUnknownTotal = int64_t{1} << 40;

int64_t HandleSize(const Rounding& rounding, PoolId pool) {
  return (pool & 1) == 0 ? kSmallBuffer : rounding.large_segment();
}

}  // namespace

std::vector<BlockId>& Allocator::Unmapped(PoolId pool, StreamId stream) {
  if (pool >= unmapped_.size()) unmapped_.resize(pool + 1u);
  auto& streams = unmapped_[pool];
  if (stream >= streams.size()) streams.resize(stream + 1u);
  return streams[stream];
}

void Allocator::InsertUnmapped(BlockId id) {
  Block& block = blocks_[id];
  block.state = BlockState::kUnmapped;
  auto& list = Unmapped(block.pool, block.stream);
  const auto at = std::lower_bound(
      list.begin(), list.end(), block.address,
      [&](BlockId other, uint64_t address) { return blocks_[other].address < address; });
  list.insert(at, id);
}

void Allocator::EraseUnmapped(BlockId id) {
  auto& list = Unmapped(blocks_[id].pool, blocks_[id].stream);
  list.erase(std::remove(list.begin(), list.end(), id), list.end());
}

// The lowest run of unmapped and free neighbours with room for the request: its first block.
BlockId Allocator::FindExpandable(const Params& params) {
  const auto usable = [&](BlockId id) {
    return id.valid() &&
           (blocks_[id].state == BlockState::kFree || blocks_[id].state == BlockState::kUnmapped);
  };
  for (const BlockId unmapped : Unmapped(params.pool, params.stream)) {
    BlockId first = unmapped;
    if (usable(blocks_[first].previous)) first = blocks_[first].previous;
    int64_t bytes = 0;
    for (BlockId id = first; bytes < params.size && usable(id); id = blocks_[id].next) {
      bytes += blocks_[id].size;
    }
    if (bytes >= params.size) return first;
  }
  // 1 1/8 of the device, in whole handles.
  const int64_t total = device_.total() ? device_.total()->count() : kUnknownTotal;
  const int64_t handle = HandleSize(rounding_, params.pool);
  const int64_t handles = (std::max(total + total / 8, params.size) + handle - 1) / handle;
  const int64_t range = handles * handle;
  const uint64_t address = device_.Reserve({range, params.stream, params.pool});
  const SegmentId segment = PlaceSegment(address, range, params.stream, params.pool, true);
  return PlaceBlock(segment, range, 0, BlockState::kUnmapped);
}

bool Allocator::MapBlock(BlockId id, int64_t size) {
  const Block block = blocks_[id];
  const int64_t handle = HandleSize(rounding_, block.pool);
  const Segment segment = segments_[block.segment];
  // The range is rounded outward to handles, counted from the segment's beginning.
  const auto offset = static_cast<int64_t>(block.address - segment.address);
  const int64_t end = (offset + size + handle - 1) / handle * handle;
  const int64_t mapped = std::min(end - offset, block.size);
  if (!device_.Map(block.address, {mapped, block.stream, block.pool})) return false;

  EraseUnmapped(id);
  if (mapped < block.size) {
    const BlockId rest = NewBlock(block);
    Block& after = blocks_[rest];
    after.address = block.address + static_cast<uint64_t>(mapped);
    after.size = block.size - mapped;
    after.previous = id;
    after.next = block.next;
    if (block.next.valid()) blocks_[block.next].previous = rest;
    blocks_[id].next = rest;
    blocks_[id].size = mapped;
    InsertUnmapped(rest);
  }
  blocks_[id].state = BlockState::kFree;
  Merge(id, blocks_[id].previous);
  Merge(id, blocks_[id].next);
  InsertFree(id);
  statistics_.reserved_bytes.Increase(block.is_small(), mapped);
  ++statistics_.num_device_alloc;
  return true;
}

BlockId Allocator::AllocExpandable(const Params& params) {
  BlockId candidate = FindExpandable(params);
  if (blocks_[candidate].state == BlockState::kUnmapped &&
      !MapBlock(candidate, std::min(blocks_[candidate].size, params.size))) {
    return {};
  }
  while (blocks_[candidate].size < params.size) {
    const int64_t missing = params.size - blocks_[candidate].size;
    const BlockId next = blocks_[candidate].next;
    if (!MapBlock(next, std::min(missing, blocks_[next].size))) return {};
    candidate = next;
  }
  EraseFree(candidate);
  return candidate;
}

void Allocator::UnmapBlock(BlockId id) {
  const Block block = blocks_[id];
  const int64_t handle = HandleSize(rounding_, block.pool);
  const auto offset = static_cast<int64_t>(block.address - segments_[block.segment].address);
  const int64_t begin = (offset + handle - 1) / handle * handle;
  const int64_t end = (offset + block.size) / handle * handle;
  if (begin >= end) return;
  EraseFree(id);
  const auto piece = [&](int64_t from, int64_t size) {
    const BlockId free = NewBlock(blocks_[id]);
    blocks_[free].address = segments_[block.segment].address + static_cast<uint64_t>(from);
    blocks_[free].size = size;
    return free;
  };
  if (begin > offset) {
    const BlockId before = piece(offset, begin - offset);
    blocks_[before].previous = block.previous;
    blocks_[before].next = id;
    if (block.previous.valid()) {
      blocks_[block.previous].next = before;
    } else {
      segments_[block.segment].first = before;
    }
    blocks_[id].previous = before;
    InsertFree(before);
  }
  if (end < offset + block.size) {
    const BlockId after = piece(end, offset + block.size - end);
    blocks_[after].previous = id;
    blocks_[after].next = block.next;
    if (block.next.valid()) blocks_[block.next].previous = after;
    blocks_[id].next = after;
    InsertFree(after);
  }
  Block& gone = blocks_[id];
  gone.address = segments_[block.segment].address + static_cast<uint64_t>(begin);
  gone.size = end - begin;
  gone.state = BlockState::kUnmapped;
  const uint64_t address = gone.address;
  const int64_t size = gone.size;
  Merge(id, gone.previous);
  Merge(id, blocks_[id].next);
  InsertUnmapped(id);
  device_.Unmap(address, {size, block.stream, block.pool});
  statistics_.reserved_bytes.Decrease(block.is_small(), size);
  ++statistics_.num_device_free;
}

}  // namespace vramcast
