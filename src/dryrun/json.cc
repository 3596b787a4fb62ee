#include "dryrun/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vramcast::dryrun {
namespace {

nlohmann::json ToJson(const std::vector<PhasePeak>& phases) {
  nlohmann::json list = nlohmann::json::array();
  for (const PhasePeak& phase : phases) {
    list.push_back({{"name", phase.name},
                    {"peak_allocated_bytes", phase.allocated.count()},
                    {"peak_reserved_bytes", phase.reserved.count()}});
  }
  return list;
}

nlohmann::json ToJson(const RankResult& rank) {
  nlohmann::json steps = nlohmann::json::array();
  for (const Bytes step : rank.steps) steps.push_back(step.count());
  nlohmann::json oom;
  if (rank.oom) oom = {{"message", rank.oom->message}, {"phase", rank.oom->phase}};
  return {{"rank", rank.rank},
          {"peak_allocated_bytes", rank.peak_allocated.count()},
          {"peak_reserved_bytes", rank.peak_reserved.count()},
          {"peak_device_bytes", rank.peak_device.count()},
          {"oom", oom},
          {"phases", ToJson(rank.phases)},
          {"step_peak_allocated_bytes", steps},
          {"stable", rank.stable},
          {"interrupted", rank.interrupted},
          {"exit_code", rank.exit_code},
          {"unknown_entry_points", rank.unknown_entry_points},
          {"seconds", rank.seconds}};
}

}  // namespace

nlohmann::json ToJson(const DryRun& run) {
  nlohmann::json ranks = nlohmann::json::array();
  for (const RankResult& rank : run.ranks) ranks.push_back(ToJson(rank));
  const auto largest = std::max_element(
      run.ranks.begin(), run.ranks.end(),
      [](const RankResult& a, const RankResult& b) { return a.peak_device < b.peak_device; });
  const bool any = largest != run.ranks.end();
  return {{"schema", "vramcast.dryrun"},
          {"version", 1},
          {"gpu", run.card},
          {"capacity_bytes", run.total.count()},
          {"world_size", run.world_size},
          {"torch", any ? nlohmann::json(largest->torch) : nlohmann::json()},
          {"ranks", ranks},
          // Of the rank that needs most.
          {"phases", any ? ToJson(largest->phases) : nlohmann::json::array()},
          {"notes", run.notes}};
}

}  // namespace vramcast::dryrun
