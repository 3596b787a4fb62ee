// The numbers of an out-of-memory message put beside each other: who holds what, and which of the
// identities between them hold (free + this process + others ~ total; outside = process - pool).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "crashlog/event.h"

namespace vramcast::diagnosis {

// A process that the message lists and that is not this one.
struct Neighbour {
  int64_t pid = 0;
  std::optional<Bytes> bytes;  // unknown where the driver would not say
};

struct Figures {
  // As printed. `allowed` is a limit set for this process; Apple's watermark is `watermark`.
  std::optional<Bytes> requested, total, free, allocated, private_pools, allowed, watermark,
      other_allocations;

  // Derived; empty where the message does not print what they need.
  std::optional<Bytes> pool;         // held by PyTorch's allocator: reserved
  std::optional<Bytes> unallocated;  // of the pool, not in use
  std::optional<Bytes> self;         // this process with all it holds on the card
  std::vector<Neighbour> neighbours;
  Bytes neighbours_sum;
  std::optional<Bytes> outside_pool;  // self - pool: context, NCCL, libraries
  // total - free - neighbours - (self, or else the pool): held by nobody that the message names.
  // Where self is unknown, this process's own context is part of it.
  std::optional<Bytes> unnamed;
  std::optional<Bytes> short_by;  // requested - free; below 0 the driver had enough
};

Figures FiguresOf(const crashlog::OomEvent& event);

// What a CUDA context with its libraries takes at most, seen from outside PyTorch: reports range
// from 0.25 GiB (lazy loading, CUDA 11.7 and later) to 1.6 GiB (eager, RTX 3090).
inline constexpr Bytes kLargestContext{1717986918};

}  // namespace vramcast::diagnosis
