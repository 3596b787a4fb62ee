#include "store/json.h"

#include <nlohmann/json.hpp>

namespace vramcast::store {
namespace {

using nlohmann::json;

template <typename T>
json OrNull(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}
json OrNull(const std::optional<Bytes>& value) {
  return value ? json(value->count()) : json(nullptr);
}

json ToJson(const GpuRow& gpu) {
  json processes = json::array();
  for (const ProcessRow& process : gpu.processes) {
    processes.push_back({{"pid", process.pid},
                         {"name", OrNull(process.name)},
                         {"first_time", process.first_time},
                         {"last_time", process.last_time},
                         {"last_used_bytes", OrNull(process.last_used)},
                         {"peak_used_bytes", OrNull(process.peak)}});
  }
  return {{"index", gpu.index},
          {"uuid", gpu.uuid},
          {"name", gpu.name},
          {"capacity_bytes", OrNull(gpu.capacity)},
          {"samples", gpu.samples},
          {"first_time", gpu.first_time},
          {"last_time", gpu.last_time},
          {"first_step", OrNull(gpu.first_step)},
          {"last_step", OrNull(gpu.last_step)},
          {"first_used_bytes", gpu.first_used.count()},
          {"last_used_bytes", gpu.last_used.count()},
          {"peak_used_bytes", gpu.peak.count()},
          {"peak_time", gpu.peak_time},
          {"processes", std::move(processes)}};
}

}  // namespace

json ToJson(const RunRow& run) {
  json gpus = json::array();
  for (const GpuRow& gpu : run.gpus) gpus.push_back(ToJson(gpu));
  json end = nullptr;
  if (run.end) {
    end = {{"time", run.end->ended},
           {"exit_code", OrNull(run.end->exit_code)},
           {"outcome", run.end->outcome},
           {"peak_allocated_bytes", OrNull(run.end->peak_allocated)},
           {"peak_reserved_bytes", OrNull(run.end->peak_reserved)}};
  }
  return {{"run", run.id},
          {"kind", run.start.kind == RunKind::kRun ? "run" : "watch"},
          {"command", run.start.command},
          {"attempt", run.start.attempt},
          {"host", run.host},
          {"began", run.start.began},
          {"last_seen", run.last_seen},
          {"end", std::move(end)},
          {"gpus", std::move(gpus)}};
}

json ToJson(const Point& point) {
  return {{"run", point.run},
          {"gpu", point.index},
          {"time", point.time},
          {"used_bytes", point.used.count()},
          {"step", OrNull(point.step)},
          {"utilisation_percent", OrNull(point.utilisation)},
          {"temperature_celsius", OrNull(point.temperature)},
          {"allocated_bytes", OrNull(point.allocated)},
          {"reserved_bytes", OrNull(point.reserved)}};
}

}  // namespace vramcast::store
