// The allocator's counters, named as torch.cuda.memory_stats names them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vramcast {

// One counter: what it is now, its highest value, and what was ever added and removed
// (struct Stat in c10/core/CachingDeviceAllocator.h).
struct Stat {
  int64_t current = 0;
  int64_t peak = 0;
  int64_t allocated = 0;  // ever added

  int64_t freed() const { return allocated - current; }

  void Increase(int64_t amount) {
    current += amount;
    if (current > peak) peak = current;
    allocated += amount;
  }
  void Decrease(int64_t amount) { current -= amount; }
};

// The same counter for both pools and for each.
struct PoolStat {
  Stat all, small, large;

  void Increase(bool is_small, int64_t amount) {
    all.Increase(amount);
    (is_small ? small : large).Increase(amount);
  }
  void Decrease(bool is_small, int64_t amount) {
    all.Decrease(amount);
    (is_small ? small : large).Decrease(amount);
  }
};

struct Statistics {
  PoolStat allocation, segment, active, inactive_split;
  PoolStat allocated_bytes, reserved_bytes, active_bytes, inactive_split_bytes, requested_bytes;
  Stat oversize_allocations, oversize_segments;
  int64_t num_alloc_retries = 0;
  int64_t num_ooms = 0;
  int64_t num_sync_all_streams = 0;
  int64_t num_device_alloc = 0;
  int64_t num_device_free = 0;

  // "allocated_bytes.all.peak", …, in the order of torch.cuda.memory_stats.
  std::vector<std::pair<std::string, int64_t>> Named() const;
};

}  // namespace vramcast
