#include "diagnosis/figures.h"

#include <algorithm>

namespace vramcast::diagnosis {
namespace {

// Inside a container the driver knows this process by another id, so that no entry says "this
// process". It is the entry that holds least above the pool, which must be part of it. Printed
// sizes are rounded to two decimals: one percent of tolerance.
std::optional<size_t> RecogniseSelf(const std::vector<Neighbour>& processes, Bytes pool) {
  std::optional<size_t> best;
  for (size_t i = 0; i < processes.size(); ++i) {
    const std::optional<Bytes>& bytes = processes[i].bytes;
    if (!bytes || bytes->count() < pool.count() / 100 * 99) {
      continue;
    }
    if (!best || *bytes < *processes[*best].bytes) {
      best = i;
    }
  }
  return best;
}

}  // namespace

Figures FiguresOf(const crashlog::OomEvent& event) {
  Figures f;
  f.requested = event.requested;
  f.total = event.total;
  f.free = event.free;
  f.allocated = event.allocated;
  f.private_pools = event.private_pools;
  f.other_allocations = event.other_allocations;
  if (event.wording == crashlog::Wording::kMps) {
    f.watermark = event.allowed;
  } else {
    f.allowed = event.allowed;
  }

  if (event.reserved) {
    f.pool = event.reserved;
  } else if (event.allocated) {
    f.pool = *event.allocated + event.reserved_unallocated.value_or(Bytes());
  }
  f.unallocated = event.reserved_unallocated;
  if (!f.unallocated && event.reserved && event.allocated) {
    f.unallocated = std::max(*event.reserved - *event.allocated, Bytes());
  }

  for (const crashlog::OtherProcess& process : event.other_processes) {
    f.neighbours.push_back({process.pid, process.bytes});
  }
  // "0 bytes memory in use" is what containers print, not a fact.
  if (event.process_in_use && *event.process_in_use > Bytes()) {
    f.self = event.process_in_use;
  } else if (f.pool) {
    if (const auto self = RecogniseSelf(f.neighbours, *f.pool)) {
      f.self = f.neighbours[*self].bytes;
      f.neighbours.erase(f.neighbours.begin() + static_cast<ptrdiff_t>(*self));
    }
  }
  for (const Neighbour& neighbour : f.neighbours) {
    f.neighbours_sum += neighbour.bytes.value_or(Bytes());
  }

  if (f.self && f.pool) {
    f.outside_pool = std::max(*f.self - *f.pool, Bytes());
  }
  if (f.total && f.free && (f.self || f.pool)) {
    const Bytes mine = f.self ? *f.self : *f.pool;
    f.unnamed = std::max(*f.total - *f.free - mine - f.neighbours_sum, Bytes());
  }
  if (f.requested && f.free) {
    f.short_by = *f.requested - *f.free;
  }
  return f;
}

}  // namespace vramcast::diagnosis
