#include "allocator/allocator.h"

#include <algorithm>
#include <numeric>

namespace vramcast {

Allocator::Allocator(const AllocatorSettings& settings, Device& device,
                     std::span<const uint64_t> streams)
    : settings_(settings),
      rounding_(settings),
      device_(device),
      max_split_size_(settings.max_split_size.value_or(Bytes(INT64_MAX)).count()),
      stream_order_(std::max<size_t>(streams.size(), 1)) {
  std::iota(stream_order_.begin(), stream_order_.end(), StreamId{0});
  std::stable_sort(stream_order_.begin(), stream_order_.end(), [&](StreamId a, StreamId b) {
    return a < streams.size() && b < streams.size() && streams[a] < streams[b];
  });
  if (settings.memory_fraction && device.total()) {
    allowed_ = static_cast<int64_t>(*settings.memory_fraction *
                                    static_cast<double>(device.total()->count()));
  }
}

FreeSet& Allocator::MakeSet(PoolId pool, StreamId stream) {
  if (pool >= sets_.size()) sets_.resize(pool + 1u);
  auto& streams = sets_[pool];
  if (stream >= streams.size()) streams.resize(stream + 1u);
  if (!streams[stream]) streams[stream] = std::make_unique<FreeSet>();
  if (stream == 0 && pool < usual_sets_.size()) usual_sets_[pool] = streams[stream].get();
  return *streams[stream];
}

uint64_t Allocator::Tie(const Block& block) const {
  switch (settings_.tie_rule) {
    case TieRule::kAddress:
      break;
    case TieRule::kBlockCounter:
      return block.number;
    case TieRule::kSegmentCounter: {
      const Segment& segment = segments_[block.segment];
      return (segment.number << 33) | ((block.address - segment.address) >> 9);
    }
  }
  return block.address;
}

void Allocator::InsertFree(BlockId id) {
  Block& block = blocks_[id];
  block.state = BlockState::kFree;
  if (block.pool < calls_.size()) block.inserted = calls_[block.pool];
  Set(block.pool, block.stream).Insert(block.size, Tie(block), id);
}

void Allocator::EraseFree(BlockId id) {
  const Block& block = blocks_[id];
  Set(block.pool, block.stream).Erase(block.size, Tie(block), id);
}

BlockId Allocator::NewBlock(const Block& like) {
  const Block copy = like;  // `like` may move when the table grows
  const BlockId id = blocks_.Add();
  Block& block = blocks_[id];
  block.segment = copy.segment;
  block.stream = copy.stream;
  block.pool = copy.pool;
  block.expandable = copy.expandable;
  block.number = next_number_++;
  return id;
}

Allocator::Params Allocator::ParamsOf(int64_t requested, StreamId stream,
                                      uint16_t pool_group) const {
  const int64_t size = rounding_.Block(requested);
  const auto pool = static_cast<PoolId>(2 * pool_group + (size > kSmallSize ? 1 : 0));
  return {size, rounding_.Segment(size), stream, pool};
}

std::optional<BlockId> Allocator::Malloc(int64_t requested, StreamId stream, uint16_t pool_group) {
  const Params params = ParamsOf(requested, stream, pool_group);
  BlockId found = GetFreeBlock(params);
  if (!found.valid()) {
    found = Climb(params);
    if (!found.valid()) {
      ++statistics_.num_ooms;
      return std::nullopt;
    }
  }
  return HandOut(found, params, requested);
}

BlockId Allocator::GetFreeBlock(const Params& params) {
  if (settings_.garbage_collection_threshold > 0) {
    if (params.pool >= calls_.size()) calls_.resize(params.pool + 1u);
    ++calls_[params.pool];
  }
  FreeSet& set = Set(params.pool, params.stream);
  const FreeSet::Position at = BestFit(set, params);
  if (at.entry == nullptr) return {};
  const BlockId id = at.entry->block;
  set.EraseAt(at);
  return id;
}

bool Allocator::IsCached(int64_t requested, StreamId stream, uint16_t pool_group) const {
  const Params params = ParamsOf(requested, stream, pool_group);
  if (params.pool >= sets_.size() || stream >= sets_[params.pool].size()) return false;
  const auto& set = sets_[params.pool][stream];
  return set && BestFit(*set, params).entry != nullptr;
}

FreeSet::Position Allocator::BestFit(const FreeSet& set, const Params& params) const {
  FreeSet::Position at = set.LowerBound(params.size);
  if (at.entry == nullptr) return {};
  if (blocks_[at.entry->block].expandable) {
    if (settings_.expandable_segments) {
      // A block that can grow counts as large as it can become, so the tail is used last.
      const auto reach = [&](const FreeSet::Entry& entry) {
        const Block& block = blocks_[entry.block];
        if (!block.next.valid() || blocks_[block.next].state != BlockState::kUnmapped) {
          return block.size;
        }
        return block.size + blocks_[block.next].size;
      };
      for (FreeSet::Position next = set.Next(at);
           next.entry != nullptr && blocks_[at.entry->block].expandable &&
           reach(*next.entry) < reach(*at.entry);
           next = set.Next(next)) {
        at = next;
      }
    } else {
      do {
        at = set.Next(at);
      } while (at.entry != nullptr && blocks_[at.entry->block].expandable);
      if (at.entry == nullptr) return {};
    }
  }
  // Only the best fit is looked at: if it is refused there is no further search.
  const int64_t found = at.entry->size;
  if (params.size < max_split_size_ && found >= max_split_size_) return {};
  if (params.size >= max_split_size_ &&
      found >= params.size + settings_.max_non_split_rounding.count()) {
    return {};
  }
  return at;
}

bool Allocator::ShouldSplit(const Block& block, int64_t size) const {
  const int64_t remaining = block.size - size;
  if (block.is_small() || settings_.expandable_segments) return remaining >= kMinBlockSize;
  return size < max_split_size_ && remaining > kSmallSize;
}

BlockId Allocator::HandOut(BlockId found, const Params& params, int64_t requested) {
  BlockId id = found;
  const bool was_split = blocks_[found].is_split();
  const bool counted = !blocks_[found].expandable;
  const bool is_small = blocks_[found].is_small();
  if (ShouldSplit(blocks_[found], params.size)) {
    // The front is handed out as a new object; the old one stays as the remainder.
    id = NewBlock(blocks_[found]);
    Block& front = blocks_[id];
    Block& rest = blocks_[found];
    front.address = rest.address;
    front.size = params.size;
    front.previous = rest.previous;
    front.next = found;
    if (front.previous.valid()) {
      blocks_[front.previous].next = id;
    } else {
      segments_[front.segment].first = id;
    }
    rest.previous = id;
    rest.address += static_cast<uint64_t>(params.size);
    rest.size -= params.size;
    InsertFree(found);
    if (counted) {
      if (was_split) {
        statistics_.inactive_split_bytes.Decrease(is_small, params.size);
      } else {
        statistics_.inactive_split_bytes.Increase(is_small, blocks_[found].size);
        statistics_.inactive_split.Increase(is_small, 1);
      }
    }
  } else if (was_split && counted) {
    statistics_.inactive_split_bytes.Decrease(is_small, blocks_[found].size);
    statistics_.inactive_split.Decrease(is_small, 1);
  }
  Block& block = blocks_[id];
  block.state = BlockState::kAllocated;
  block.requested = requested;
  statistics_.allocation.Increase(is_small, 1);
  statistics_.allocated_bytes.Increase(is_small, block.size);
  statistics_.active.Increase(is_small, 1);
  statistics_.active_bytes.Increase(is_small, block.size);
  statistics_.requested_bytes.Increase(is_small, requested);
  if (block.size >= max_split_size_) statistics_.oversize_allocations.Increase(1);
  return id;
}

void Allocator::RequestFree(BlockId id) {
  Block& block = blocks_[id];
  if (block.state != BlockState::kAllocated) return;
  block.state = BlockState::kPending;
  statistics_.allocation.Decrease(block.is_small(), 1);
  statistics_.allocated_bytes.Decrease(block.is_small(), block.size);
  if (block.size >= max_split_size_) statistics_.oversize_allocations.Decrease(1);
}

// try_merge_blocks: `other` is swallowed by its neighbour `into` if both are free, or both
// unmapped.
int64_t Allocator::Merge(BlockId into, BlockId other) {
  if (!other.valid()) return 0;
  const BlockState state = blocks_[other].state;
  const bool unmapped = blocks_[into].state == BlockState::kUnmapped;
  if (state != (unmapped ? BlockState::kUnmapped : BlockState::kFree)) return 0;
  if (unmapped) {
    EraseUnmapped(other);
  } else {
    EraseFree(other);
  }
  Block& a = blocks_[into];
  const Block b = blocks_[other];
  if (a.previous == other) {
    a.address = b.address;
    a.previous = b.previous;
    if (a.previous.valid()) {
      blocks_[a.previous].next = into;
    } else {
      segments_[a.segment].first = into;
    }
  } else {
    a.next = b.next;
    if (a.next.valid()) blocks_[a.next].previous = into;
  }
  a.size += b.size;
  blocks_.Remove(other);
  return b.size;
}

void Allocator::CompleteFree(BlockId id) {
  if (blocks_[id].state == BlockState::kAllocated) RequestFree(id);
  if (blocks_[id].state != BlockState::kPending) return;
  const int64_t size = blocks_[id].size;
  const int64_t requested = blocks_[id].requested;
  const bool is_small = blocks_[id].is_small();
  blocks_[id].state = BlockState::kFree;
  int64_t count = 0;
  int64_t bytes = 0;
  for (const BlockId neighbour : {blocks_[id].previous, blocks_[id].next}) {
    const int64_t subsumed = Merge(id, neighbour);
    if (subsumed == 0) continue;
    --count;
    bytes -= subsumed;
  }
  InsertFree(id);
  const Block& block = blocks_[id];
  if (!block.expandable) {
    if (block.is_split()) {
      ++count;
      bytes += block.size;
    }
    const auto change = [&](PoolStat& stat, int64_t amount) {
      if (amount > 0) stat.Increase(is_small, amount);
      if (amount < 0) stat.Decrease(is_small, -amount);
    };
    change(statistics_.inactive_split, count);
    change(statistics_.inactive_split_bytes, bytes);
  }
  statistics_.active.Decrease(is_small, 1);
  statistics_.active_bytes.Decrease(is_small, size);
  statistics_.requested_bytes.Decrease(is_small, requested);
}

int64_t Allocator::LargestFree(int64_t requested, StreamId stream, uint16_t pool_group) const {
  const size_t pool = 2u * pool_group + (rounding_.Block(requested) > kSmallSize ? 1 : 0);
  if (pool >= sets_.size() || stream >= sets_[pool].size() || !sets_[pool][stream]) return 0;
  const FreeSet::Position last = sets_[pool][stream]->Last();
  return last.entry == nullptr ? 0 : last.entry->size;
}

}  // namespace vramcast
