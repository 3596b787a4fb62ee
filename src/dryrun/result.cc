#include "dryrun/result.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace vramcast::dryrun {
namespace {

Bytes Size(const nlohmann::json& object, const char* key) {
  const auto value = object.find(key);
  return Bytes(value != object.end() && value->is_number_integer() ? value->get<int64_t>() : 0);
}

std::string Text(const nlohmann::json& object, const char* key) {
  const auto value = object.find(key);
  return value != object.end() && value->is_string() ? value->get<std::string>() : "";
}

nlohmann::json Part(const nlohmann::json& object, const char* key) {
  const auto value = object.find(key);
  return value != object.end() && value->is_array() ? *value : nlohmann::json::array();
}

}  // namespace

Result<RankResult> ReadReport(std::string_view text, Bytes context) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return tl::make_unexpected(Error{ErrorKind::kInternal, "the dry run left no report"});
  }
  RankResult result;
  result.rank = static_cast<int>(Size(json, "rank").count());
  result.peak_allocated = Size(json, "peak_allocated_bytes");
  result.peak_reserved = Size(json, "peak_reserved_bytes");
  result.peak_device = Size(json, "device_peak_used_bytes");
  for (const auto& phase : Part(json, "phases")) {
    if (!phase.is_object()) continue;
    result.phases.push_back({Text(phase, "name"), Size(phase, "peak_allocated_bytes"),
                             Size(phase, "peak_reserved_bytes")});
  }
  for (const auto& step : Part(json, "steps")) {
    if (step.is_number_integer()) result.steps.emplace_back(step.get<int64_t>());
  }
  if (const auto oom = json.find("oom"); oom != json.end() && oom->is_object()) {
    result.oom = OutOfMemory{Text(*oom, "message"), Text(*oom, "phase")};
  }
  // A first request that was refused came from a context too.
  if (result.peak_device > Bytes() || result.oom) result.peak_device += context;
  result.stable = Text(json, "stopped") == "stable";
  for (const auto& mark : Part(json, "marks")) {
    if (!mark.is_array() || mark.size() != 2 || !mark[0].is_number_integer() ||
        !mark[1].is_string()) {
      continue;
    }
    result.marks.push_back(
        {mark[0].get<int64_t>(),
         PhaseFromName(mark[1].get_ref<const std::string&>()).value_or(Phase::kUnknown)});
  }
  for (const auto& name : Part(json, "unknown_entry_points")) {
    if (name.is_string()) result.unknown_entry_points.push_back(name);
  }
  for (const auto& remark : Part(json, "remarks")) {
    if (remark.is_string()) result.remarks.push_back(remark);
  }
  if (const auto seconds = json.find("seconds"); seconds != json.end() && seconds->is_number()) {
    result.seconds = seconds->get<double>();
  }
  result.torch = Text(json, "torch");
  return result;
}

void SetPhases(const std::vector<PhaseMark>& marks, Recording* recording) {
  for (DeviceRecording& device : recording->devices) {
    auto next = marks.begin();
    const size_t count = std::min(device.trace.events.size(), device.times_us.size());
    for (size_t i = 0; i < count; ++i) {
      while (next != marks.end() && next->time_us <= device.times_us[i]) ++next;
      if (next != marks.begin()) device.trace.events[i].phase = std::prev(next)->phase;
    }
  }
}

}  // namespace vramcast::dryrun
