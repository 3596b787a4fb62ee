#include "monitor/json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "monitor/series.h"

namespace vramcast::monitor {
namespace {

using nlohmann::json;

// JSON has no infinity: an open end is null.
json Finite(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json OrNull(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return {{"value", Finite(interval->value)},
          {"low", Finite(interval->low)},
          {"high", Finite(interval->high)}};
}

}  // namespace

json ToJson(const UpcomingPhase& phase, const Report& report) {
  json object = {{"phase", PhaseName(phase.phase)},
                 {"step", phase.step ? json(*phase.step) : json(nullptr)},
                 {"at_end", phase.at_end},
                 {"verdict", VerdictName(phase.verdict)},
                 {"needs_bytes", phase.needs.count()},
                 {"needs_low_bytes", phase.needs_low.count()},
                 {"needs_high_bytes", phase.needs_high.count()},
                 {"room_bytes", phase.room.count()},
                 {"short_by_bytes", phase.short_by.count()}};
  object["seconds_until"] = phase.step ? OrNull(SecondsUntil(*phase.step, report)) : json(nullptr);
  return object;
}

json ToJson(const Growth& growth) {
  return {{"verdict", GrowthName(growth.kind)},
          {"certain", growth.certain},
          {"samples", growth.samples},
          {"rises", growth.rises},
          {"grown_bytes", growth.grown.count()},
          {"over_seconds", growth.seconds},
          {"bytes_per_second", OrNull(growth.bytes_per_second)},
          {"seconds_to_full", OrNull(growth.seconds_left)},
          {"jump_bytes", growth.jump ? json(growth.jump->count()) : json(nullptr)}};
}

json ToJson(const Report& report, const char* type) {
  Sample sample{.time = report.time, .step = report.step, .total_steps = report.total_steps};
  for (const GpuReport& gpu : report.gpus) {
    GpuSample one = gpu.sample;
    one.processes.clear();
    for (const ProcessReport& process : gpu.processes) one.processes.push_back(process.sample);
    sample.gpus.push_back(std::move(one));
  }
  json object = ToJson(sample);
  object["type"] = type;
  object["leaking"] = report.leaking();
  if (report.step) object["steps_per_second"] = OrNull(report.steps_per_second);
  for (size_t g = 0; g < report.gpus.size(); ++g) {
    const GpuReport& gpu = report.gpus[g];
    json& one = object["gpus"][g];
    one["peak_bytes"] = gpu.peak.count();
    one["growth"] = ToJson(gpu.growth);
    one["growing_pid"] = gpu.grower ? json(gpu.processes[*gpu.grower].sample.pid) : json(nullptr);
    one["growing_other"] = gpu.other_grows ? json(*gpu.other_grows) : json(nullptr);
    if (report.steps_per_second) {
      one["growth"]["steps_to_full"] = OrNull(StepsLeft(gpu.growth, report));
      if (gpu.growth.bytes_per_second) {
        one["growth"]["bytes_per_step"] =
            gpu.growth.bytes_per_second->value / report.steps_per_second->value;
      }
    }
    if (!gpu.ahead.empty()) {
      one["run_pid"] = gpu.run_pid ? json(*gpu.run_pid) : json(nullptr);
      one["next_phases"] = json::array();
      for (const UpcomingPhase& phase : gpu.ahead) {
        one["next_phases"].push_back(ToJson(phase, report));
      }
    }
    for (size_t p = 0; p < gpu.processes.size(); ++p) {
      one["processes"][p]["peak_bytes"] = gpu.processes[p].peak.count();
      one["processes"][p]["growth"] = ToJson(gpu.processes[p].growth);
    }
  }
  return object;
}

}  // namespace vramcast::monitor
