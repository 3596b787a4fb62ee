// How large a block and a segment become for a request: round_size and get_allocation_size of
// c10/cuda/CUDACachingAllocator.cpp (the same from 1.11 to 2026 but for the settings).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "allocator/settings.h"

namespace vramcast {

inline constexpr int64_t kMinBlockSize = 512;
inline constexpr int64_t kSmallSize = 1 << 20;       // larger blocks come from the large pool
inline constexpr int64_t kSmallBuffer = 2 << 20;     // segments of the small pool
inline constexpr int64_t kMinLargeAlloc = 10 << 20;  // from here on a segment is rounded only
inline constexpr int64_t kRoundLarge = 2 << 20;      // to this
inline constexpr int64_t kMaxRequest = 1ll << 60;    // "invalid size" from 1 EiB on

// Sizes as the allocator asks for them, with the settings unpacked once.
class Rounding {
 public:
  explicit Rounding(const AllocatorSettings& settings)
      : divisions_(settings.roundup_power2_divisions),
        bypass_(settings.roundup_bypass_threshold.value_or(Bytes(INT64_MAX)).count()),
        large_segment_(settings.large_segment_size.count()) {
    for (const uint32_t d : divisions_) any_ = any_ || d > 1;
  }

  // Bytes of the block for a request of `size` (> 0) bytes.
  int64_t Block(int64_t size) const {
    if (size < kMinBlockSize) return kMinBlockSize;
    if (any_ && size <= bypass_) {
      const auto n = static_cast<uint64_t>(size);
      const int log = 63 - std::countl_zero(n);
      const uint32_t divisions = divisions_[static_cast<size_t>(std::clamp(log - 20, 0, 15))];
      if (divisions > 1 && size > kMinBlockSize * static_cast<int64_t>(divisions)) {
        return Divide(n, log, divisions);
      }
    }
    return (size + kMinBlockSize - 1) & ~(kMinBlockSize - 1);
  }

  // Bytes that cudaMalloc is asked for when a block of `block` bytes is not cached.
  int64_t Segment(int64_t block) const {
    if (block <= kSmallSize) return kSmallBuffer;
    if (block < kMinLargeAlloc) return large_segment_;
    return (block + kRoundLarge - 1) & ~(kRoundLarge - 1);
  }

  int64_t large_segment() const { return large_segment_; }

 private:
  static int64_t Divide(uint64_t size, int log, uint32_t divisions) {
    if (std::has_single_bit(size)) return static_cast<int64_t>(size);
    const uint64_t floor = uint64_t{1} << log;
    const uint64_t step = floor >> (31 - std::countl_zero(divisions));
    if (step == 0) return static_cast<int64_t>(floor << 1);
    return static_cast<int64_t>((size + step - 1) & ~(step - 1));
  }

  std::array<uint32_t, 16> divisions_;
  int64_t bypass_;
  int64_t large_segment_;
  bool any_ = false;
};

}  // namespace vramcast
