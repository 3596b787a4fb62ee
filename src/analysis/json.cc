#include "analysis/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace vramcast {

using nlohmann::json;

json ToJson(const AllocatorSettings& s) {
  const char* tie = s.tie_rule == TieRule::kAddress        ? "address"
                    : s.tie_rule == TieRule::kBlockCounter ? "block counter"
                                                           : "segment counter";
  return {
      {"torch", FormatTorchVersion(s.torch)},
      {"alloc_conf", FormatAllocConf(s)},
      {"expandable_segments", s.expandable_segments},
      {"max_split_size_bytes", s.max_split_size ? json(s.max_split_size->count()) : json(nullptr)},
      {"garbage_collection_threshold", s.garbage_collection_threshold},
      {"roundup_power2_divisions", s.roundup_power2_divisions},
      {"tie_rule", tie}};
}

json ToJson(const OutOfMemory& oom) {
  return {{"event", oom.event == kStartOfTrace ? json(nullptr) : json(oom.event)},
          {"requested_bytes", oom.requested.count()},
          {"segment_bytes", oom.segment.count()},
          {"free_bytes", oom.device_free ? json(oom.device_free->count()) : json(nullptr)},
          {"allocated_bytes", oom.allocated.count()},
          {"reserved_bytes", oom.reserved.count()},
          {"reserved_unallocated_bytes", (oom.reserved - oom.allocated).count()},
          {"largest_free_block_bytes", oom.largest_free_block.count()},
          {"by_memory_fraction", oom.by_memory_fraction}};
}

json ToJson(const Statistics& statistics) {
  json object = json::object();
  for (const auto& [name, value] : statistics.Named()) object[name] = value;
  return object;
}

json ToJson(const Proof& proof) {
  json object = {{"allocations", proof.allocations},
                 {"predicted", proof.predicted},
                 {"at_recorded_address", proof.at_recorded_address},
                 {"late_slack", proof.late_slack},
                 {"segments", proof.segments},
                 {"segments_predicted", proof.segments_predicted},
                 {"exact", proof.exact()},
                 {"ooms", proof.ooms},
                 {"ooms_predicted", proof.ooms_predicted},
                 {"final_blocks", proof.final_blocks},
                 {"final_blocks_equal", proof.final_blocks_equal},
                 {"final_free_blocks_equal", proof.final_free_equal},
                 {"empty_cache_calls", proof.empty_caches.size()}};
  object["mismatches"] = json::array();
  for (const Mismatch& mismatch : proof.mismatches) {
    object["mismatches"].push_back(
        {{"event", mismatch.event},
         {"recorded_address", mismatch.recorded},
         {"predicted_address",
          mismatch.predicted != 0 ? json(mismatch.predicted) : json(nullptr)}});
  }
  return object;
}

json ToJson(const Growth& growth, const Attribution& attribution) {
  json object = {{"leak", growth.leak}, {"rise_per_window_bytes", growth.per_window.count()}};
  object["floors_bytes"] = json::array();
  for (const Bytes floor : growth.floors) object["floors_bytes"].push_back(floor.count());
  object["stacks"] = json::array();
  for (const GrowingStack& stack : growth.stacks) {
    object["stacks"].push_back({{"line", attribution.Line(stack.stack)},
                                {"bytes", stack.bytes.count()},
                                {"blocks", stack.blocks},
                                {"frames", attribution.Frames(stack.stack)}});
  }
  return object;
}

json ToJson(const Skipped& skipped) {
  return {{"unknown_actions", skipped.unknown_actions},
          {"odd_events", skipped.odd_events},
          {"lost_frees", skipped.lost_frees},
          {"odd_blocks", skipped.odd_blocks}};
}

json ToJson(const std::vector<Share>& shares, size_t top) {
  json list = json::array();
  for (size_t i = 0; i < shares.size() && i < top; ++i) {
    const Share& share = shares[i];
    list.push_back({{"name", share.name},
                    {"category", CategoryName(share.category)},
                    {"bytes", share.bytes.count()},
                    {"blocks", share.blocks},
                    {"largest_bytes", share.largest.count()}});
    if (!share.code.empty()) list.back()["code"] = share.code;
  }
  return list;
}

json ToJson(const std::vector<Difference>& differences, size_t top) {
  json list = json::array();
  for (size_t i = 0; i < differences.size() && i < top; ++i) {
    const Difference& d = differences[i];
    list.push_back({{"name", d.name},
                    {"before_bytes", d.before.count()},
                    {"after_bytes", d.after.count()},
                    {"difference_bytes", (d.after - d.before).count()}});
  }
  return list;
}

}  // namespace vramcast
