#include "allocator/statistics.h"

namespace vramcast {
namespace {

using Names = std::vector<std::pair<std::string, int64_t>>;

void Add(Names& names, const std::string& prefix, const Stat& stat) {
  names.emplace_back(prefix + ".current", stat.current);
  names.emplace_back(prefix + ".peak", stat.peak);
  names.emplace_back(prefix + ".allocated", stat.allocated);
  names.emplace_back(prefix + ".freed", stat.freed());
}

void Add(Names& names, const std::string& prefix, const PoolStat& stat) {
  Add(names, prefix + ".all", stat.all);
  Add(names, prefix + ".small_pool", stat.small);
  Add(names, prefix + ".large_pool", stat.large);
}

}  // namespace

Names Statistics::Named() const {
  Names names;
  Add(names, "allocation", allocation);
  Add(names, "segment", segment);
  Add(names, "active", active);
  Add(names, "inactive_split", inactive_split);
  Add(names, "allocated_bytes", allocated_bytes);
  Add(names, "reserved_bytes", reserved_bytes);
  Add(names, "active_bytes", active_bytes);
  Add(names, "inactive_split_bytes", inactive_split_bytes);
  Add(names, "requested_bytes", requested_bytes);
  Add(names, "oversize_allocations", oversize_allocations);
  Add(names, "oversize_segments", oversize_segments);
  names.emplace_back("num_alloc_retries", num_alloc_retries);
  names.emplace_back("num_ooms", num_ooms);
  names.emplace_back("num_sync_all_streams", num_sync_all_streams);
  names.emplace_back("num_device_alloc", num_device_alloc);
  names.emplace_back("num_device_free", num_device_free);
  return names;
}

}  // namespace vramcast
