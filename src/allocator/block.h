// Blocks and segments as the allocator keeps them: records in tables, linked by index, so that a
// replay of millions of events allocates nothing per event.
#pragma once

#include <cstdint>
#include <vector>

#include "base/index.h"
#include "trace/trace.h"

namespace vramcast {

using BlockId = Index<struct BlockTag>;
using SegmentId = Index<struct SegmentTag>;
using PoolId = uint16_t;  // 2 * private pool (0: the default pools) + 1 if large

struct Block {
  uint64_t address = 0;
  int64_t size = 0;
  int64_t requested = 0;
  uint64_t number = 0;     // of TieRule::kBlockCounter
  BlockId previous, next;  // neighbours in the segment, by address
  SegmentId segment;
  uint32_t inserted = 0;  // the pool's call counter when it became free (garbage collection)
  StreamId stream = 0;
  PoolId pool = 0;
  BlockState state = BlockState::kFree;
  bool expandable = false;

  bool is_split() const { return previous.valid() || next.valid(); }
  bool is_small() const { return (pool & 1) == 0; }
};

// What cudaMalloc returned, or the address range of an expandable segment.
struct Segment {
  uint64_t address = 0;
  int64_t size = 0;
  uint64_t number = 0;  // order of creation, for TieRule::kSegmentCounter
  BlockId first;        // the block at `address`; the first block never changes place
  StreamId stream = 0;
  PoolId pool = 0;
  bool expandable = false;
  bool alive = false;
};

// Rows of which freed ones are used again.
template <typename Id, typename Row>
class RowPool {
 public:
  Id Add() {
    if (!free_.empty()) {
      const Id id = free_.back();
      free_.pop_back();
      rows_[id.value] = Row{};
      return id;
    }
    rows_.emplace_back();
    return Id{static_cast<uint32_t>(rows_.size() - 1)};
  }
  void Remove(Id id) { free_.push_back(id); }
  Row& operator[](Id id) { return rows_[id.value]; }
  const Row& operator[](Id id) const { return rows_[id.value]; }
  uint32_t size() const { return static_cast<uint32_t>(rows_.size()); }

 private:
  std::vector<Row> rows_;
  std::vector<Id> free_;
};

}  // namespace vramcast
