// The allocator's state before the first event of a Trace: recordings mostly begin in the middle of
// a program. A forecast has none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "trace/ids.h"

namespace vramcast {

enum class BlockState : uint8_t {
  kFree,
  kAllocated,
  kPending,   // freed by the program, still in use on another stream
  kUnmapped,  // address space of an expandable segment without memory
};

struct StartBlock {
  Bytes size;
  Bytes requested;
  BlockState state = BlockState::kFree;
  AllocationId allocation = {};  // of kAllocated and kPending
  LabelId label = {};
  StackId stack = {};
};

// Blocks stand in order of address, without gaps, from the segment's beginning to its end.
struct StartSegment {
  uint64_t address = 0;
  Bytes size;
  StreamId stream = 0;
  uint16_t pool_group = 0;  // 0: the ordinary pools; else the number of a private pool
  bool is_small = false;    // small pool
  bool is_expandable = false;
  std::vector<StartBlock> blocks;
};

}  // namespace vramcast
