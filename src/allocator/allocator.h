// PyTorch's CUDA caching allocator, decision for decision (c10/cuda/CUDACachingAllocator.cpp):
// which cached block a request gets, when it is split, when the device is asked, what is given back
// first when the device refuses, and when memory runs out.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "allocator/block.h"
#include "allocator/device.h"
#include "allocator/free_set.h"
#include "allocator/rounding.h"
#include "allocator/settings.h"
#include "allocator/statistics.h"

namespace vramcast {

class Allocator {
 public:
  // `streams` are the raw values of the stream ids, which order what is released.
  Allocator(const AllocatorSettings& settings, Device& device, std::span<const uint64_t> streams);

  // A block for `requested` (> 0) bytes, or nothing when memory has run out. `pool_group` is 0 for
  // the ordinary pools and the number of a private pool (CUDA graph, MemPool) otherwise.
  std::optional<BlockId> Malloc(int64_t requested, StreamId stream, uint16_t pool_group = 0);
  // True if a cached block would serve this request.
  bool IsCached(int64_t requested, StreamId stream, uint16_t pool_group = 0) const;
  void RequestFree(BlockId block);   // the program lets go
  void CompleteFree(BlockId block);  // no stream uses it any more; implies RequestFree
  void EmptyCache();                 // torch.cuda.empty_cache()

  const Block& block(BlockId id) const { return blocks_[id]; }
  BlockId BlockAt(uint64_t address) const;  // the block that this address lies in
  const Statistics& statistics() const { return statistics_; }
  int64_t allocated_bytes() const { return statistics_.allocated_bytes.all.current; }
  int64_t reserved_bytes() const { return statistics_.reserved_bytes.all.current; }
  bool refused_by_fraction() const { return refused_by_fraction_; }
  int64_t SegmentSize(int64_t requested) const {
    return rounding_.Segment(rounding_.Block(requested));
  }
  // The largest free block that a request of this size could be given.
  int64_t LargestFree(int64_t requested, StreamId stream, uint16_t pool_group = 0) const;

  uint32_t segment_count() const { return segments_.size(); }
  const Segment& segment(uint32_t i) const { return segments_[SegmentId{i}]; }

  // Puts a segment in place as it is at the beginning of a recording: first the segment, then its
  // blocks in order of address, without gaps. Unmapped stretches only in expandable segments.
  SegmentId PlaceSegment(uint64_t address, int64_t size, StreamId stream, PoolId pool,
                         bool expandable);
  BlockId PlaceBlock(SegmentId segment, int64_t size, int64_t requested, BlockState state);

  // Gives an allocated block that ends at a free one `bytes` more of it: for recordings that begin
  // in the middle of a program, where this is not known at first. False if there is no such room.
  bool Enlarge(BlockId block, int64_t bytes);
  // Hands out the block at this address though no rule says so, for recordings that leave something
  // out. Nothing if that memory is not free.
  std::optional<BlockId> MallocAt(uint64_t address, int64_t requested);
  // Gives one segment back (or unmaps a range) though no rule says so. False if it is in use.
  bool Release(uint64_t address);

 private:
  struct Params {
    int64_t size;  // of the block
    int64_t segment_size;
    StreamId stream;
    PoolId pool;
  };

  FreeSet& Set(PoolId pool, StreamId stream) {
    const bool usual = pool < usual_sets_.size() && stream == 0 && usual_sets_[pool] != nullptr;
    return usual ? *usual_sets_[pool] : MakeSet(pool, stream);
  }
  FreeSet& MakeSet(PoolId pool, StreamId stream);
  std::vector<BlockId>& Unmapped(PoolId pool, StreamId stream);
  uint64_t Tie(const Block& block) const;
  void InsertFree(BlockId id);
  void EraseFree(BlockId id);
  BlockId NewBlock(const Block& like);
  int64_t Merge(BlockId into, BlockId other);

  Params ParamsOf(int64_t requested, StreamId stream, uint16_t pool_group) const;
  FreeSet::Position BestFit(const FreeSet& set, const Params& params) const;
  BlockId GetFreeBlock(const Params& params);
  BlockId AllocBlock(const Params& params, bool is_retry);
  BlockId Climb(const Params& params);  // the ladder after a miss
  BlockId HandOut(BlockId found, const Params& params, int64_t requested);
  bool ShouldSplit(const Block& block, int64_t size) const;

  void CollectGarbage();
  bool ReleaseAvailable(const Params& params);
  void ReleaseCached();
  void ReleasePool(PoolId pool);
  void ReleaseBlock(BlockId id);

  BlockId FindExpandable(const Params& params);
  bool MapBlock(BlockId id, int64_t size);
  BlockId AllocExpandable(const Params& params);
  void UnmapBlock(BlockId id);
  void InsertUnmapped(BlockId id);
  void EraseUnmapped(BlockId id);
  void RemoveSegment(SegmentId id);

  AllocatorSettings settings_;
  Rounding rounding_;
  Device& device_;
  int64_t max_split_size_;
  std::optional<int64_t> allowed_;  // set_per_process_memory_fraction, bytes
  std::vector<StreamId> stream_order_;

  RowPool<BlockId, Block> blocks_;
  RowPool<SegmentId, Segment> segments_;
  std::vector<std::vector<std::unique_ptr<FreeSet>>> sets_;  // by pool and stream
  std::array<FreeSet*, 2> usual_sets_ = {};                  // of the default stream, found at once
  std::vector<std::vector<std::vector<BlockId>>> unmapped_;  // the same; in order of address
  std::vector<uint32_t> calls_;                              // of GetFreeBlock, by pool
  std::map<uint64_t, SegmentId> by_address_;
  uint64_t next_number_ = 1;
  BlockId last_placed_;  // by PlaceBlock, to find the end of a segment at once
  Statistics statistics_;
  bool refused_by_fraction_ = false;
};

}  // namespace vramcast
