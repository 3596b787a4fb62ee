// What the allocator does when no cached block fits: collect garbage, ask the device, give cached
// memory back, ask again.
#include <algorithm>
#include <vector>

#include "allocator/allocator.h"

namespace vramcast {

BlockId Allocator::Climb(const Params& params) {
  refused_by_fraction_ = false;
  if (allowed_ && settings_.garbage_collection_threshold > 0) CollectGarbage();
  BlockId found = AllocBlock(params, false);
  if (found.valid() || settings_.throw_on_cudamalloc_oom) return found;
  if (ReleaseAvailable(params)) found = AllocBlock(params, false);
  if (found.valid()) return found;
  ReleaseCached();
  return AllocBlock(params, true);
}

BlockId Allocator::AllocBlock(const Params& params, bool is_retry) {
  if (is_retry) ++statistics_.num_alloc_retries;
  // The segment's size counts even where an expandable segment would map less.
  if (allowed_ && reserved_bytes() + params.segment_size > *allowed_) {
    refused_by_fraction_ = true;
    return {};
  }
  refused_by_fraction_ = false;
  // Up to 2.4 private pools do not use expandable segments.
  const bool is_private = params.pool > 1;
  if (settings_.expandable_segments && (!is_private || settings_.torch >= TorchVersion{2, 5})) {
    return AllocExpandable(params);
  }
  const auto address = device_.Allocate({params.segment_size, params.stream, params.pool});
  if (!address) return {};

  const SegmentId segment =
      PlaceSegment(*address, params.segment_size, params.stream, params.pool, false);
  const BlockId id = blocks_.Add();
  Block& block = blocks_[id];
  block.address = *address;
  block.size = params.segment_size;
  block.segment = segment;
  block.stream = params.stream;
  block.pool = params.pool;
  block.number = next_number_++;
  segments_[segment].first = id;
  ++statistics_.num_device_alloc;
  return id;
}

void Allocator::ReleaseBlock(BlockId id) {
  EraseFree(id);
  const Block block = blocks_[id];
  device_.Free(block.address, {block.size, block.stream, block.pool});
  ++statistics_.num_device_free;
  statistics_.segment.Decrease(block.is_small(), 1);
  statistics_.reserved_bytes.Decrease(block.is_small(), block.size);
  if (block.size >= max_split_size_) statistics_.oversize_segments.Decrease(1);
  RemoveSegment(block.segment);
  blocks_.Remove(id);
}

void Allocator::RemoveSegment(SegmentId id) {
  const auto at = by_address_.find(segments_[id].address);
  if (at != by_address_.end() && at->second == id) by_address_.erase(at);
  segments_[id] = Segment{};
  segments_.Remove(id);
}

// Releases blocks of the large pool that have not been used for longer than the mean.
void Allocator::CollectGarbage() {
  constexpr PoolId kLarge = 1;
  const auto threshold =
      static_cast<int64_t>(settings_.garbage_collection_threshold * static_cast<double>(*allowed_));
  if (reserved_bytes() <= threshold || kLarge >= sets_.size()) return;
  const int64_t target = reserved_bytes() - threshold;
  const uint32_t now = kLarge < calls_.size() ? calls_[kLarge] : 0;
  // Versions up to 2.4 also counted blocks of expandable segments, which are never released here
  // (pull request 134338).
  const bool count_expandable = settings_.torch < TorchVersion{2, 5};

  std::vector<BlockId> candidates;
  double total_age = 0;
  int64_t count = 0;
  for (const StreamId stream : stream_order_) {
    if (stream >= sets_[kLarge].size() || !sets_[kLarge][stream]) continue;
    const FreeSet& set = *sets_[kLarge][stream];
    for (auto at = set.First(); at.entry != nullptr; at = set.Next(at)) {
      const Block& block = blocks_[at.entry->block];
      if (block.is_split() || (block.expandable && !count_expandable)) continue;
      total_age += now - block.inserted;
      ++count;
      if (!block.expandable) candidates.push_back(at.entry->block);
    }
  }
  int64_t reclaimed = 0;
  bool freed = true;
  while (reclaimed < target && freed && count > 0) {
    const double mean = total_age / static_cast<double>(count);
    freed = false;
    std::vector<BlockId> younger;
    for (const BlockId id : candidates) {
      const uint32_t age = now - blocks_[id].inserted;
      if (age < mean) {
        younger.push_back(id);
        continue;
      }
      freed = true;
      reclaimed += blocks_[id].size;
      total_age -= age;
      --count;
      ReleaseBlock(id);
    }
    candidates = std::move(younger);
  }
}

// release_available_cached_blocks: only with max_split_size, only blocks of that size or more.
bool Allocator::ReleaseAvailable(const Params& params) {
  if (max_split_size_ == INT64_MAX) return false;
  FreeSet& set = Set(params.pool, params.stream);
  const int64_t key = std::max(params.size, max_split_size_);
  const FreeSet::Position fit = set.LowerBound(key);
  if (fit.entry != nullptr && !blocks_[fit.entry->block].expandable) {
    if (blocks_[fit.entry->block].is_split()) return false;
    ReleaseBlock(fit.entry->block);
    return true;
  }
  std::vector<BlockId> oversize;
  int64_t released = 0;
  for (FreeSet::Position at = set.Previous(fit);
       at.entry != nullptr && released < key && at.entry->size >= max_split_size_;
       at = set.Previous(at)) {
    const Block& block = blocks_[at.entry->block];
    if (block.expandable || block.is_split()) continue;
    released += block.size;
    oversize.push_back(at.entry->block);
  }
  for (const BlockId id : oversize) ReleaseBlock(id);
  return released >= key;
}

void Allocator::ReleaseCached() {
  ++statistics_.num_sync_all_streams;
  for (uint32_t i = 0; i < segments_.size(); ++i) {
    if (!segments_[SegmentId{i}].alive) continue;
    for (BlockId id = segments_[SegmentId{i}].first; id.valid();) {
      if (blocks_[id].state == BlockState::kPending) CompleteFree(id);
      id = blocks_[id].next;
    }
  }
  ReleasePool(1);
  ReleasePool(0);
}

void Allocator::EmptyCache() { ReleaseCached(); }

void Allocator::ReleasePool(PoolId pool) {
  if (pool >= sets_.size()) return;
  std::vector<BlockId> plain;
  std::vector<BlockId> to_unmap;
  for (const StreamId stream : stream_order_) {
    if (stream >= sets_[pool].size() || !sets_[pool][stream]) continue;
    const FreeSet& set = *sets_[pool][stream];
    for (auto at = set.First(); at.entry != nullptr; at = set.Next(at)) {
      const Block& block = blocks_[at.entry->block];
      if (block.expandable) {
        to_unmap.push_back(at.entry->block);
      } else if (!block.is_split()) {
        plain.push_back(at.entry->block);
      }
    }
  }
  for (const BlockId id : plain) ReleaseBlock(id);
  for (const BlockId id : to_unmap) {
    UnmapBlock(id);
    if (blocks_[id].state == BlockState::kUnmapped && !blocks_[id].is_split()) {
      EraseUnmapped(id);
      RemoveSegment(blocks_[id].segment);
      blocks_.Remove(id);
    }
  }
}

}  // namespace vramcast
