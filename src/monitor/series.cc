#include "monitor/series.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace vramcast::monitor {
namespace {

using nlohmann::json;

// No line of a series is longer: 64 GPUs with a thousand processes each fit.
constexpr size_t kLongestLine = 16 << 20;
constexpr double kMostBytes = 1e15;

std::optional<double> Number(const json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_number()) return std::nullopt;
  const double value = at->get<double>();
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<Bytes> Size(const json& object, const char* key) {
  const auto value = Number(object, key);
  if (!value || *value < 0 || *value > kMostBytes) return std::nullopt;
  return Bytes(static_cast<int64_t>(*value));
}

template <typename Integer>
std::optional<Integer> Whole(const json& object, const char* key) {
  const auto value = Number(object, key);
  if (!value || std::fabs(*value) > 1e9) return std::nullopt;
  return static_cast<Integer>(*value);
}

std::optional<std::string> Text(const json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_string()) return std::nullopt;
  return at->get<std::string>();
}

std::optional<GpuSample> ParseGpu(const json& object, size_t place) {
  if (!object.is_object()) return std::nullopt;
  const auto used = Size(object, "used_bytes");
  if (!used) return std::nullopt;
  GpuSample gpu{.used = *used};
  gpu.index = Whole<int>(object, "index").value_or(static_cast<int>(place));
  gpu.id = Text(object, "uuid").value_or(std::to_string(gpu.index));
  gpu.name = Text(object, "name").value_or("GPU");
  gpu.capacity = Size(object, "capacity_bytes");
  if (!gpu.capacity) gpu.capacity = Size(object, "total_bytes");
  gpu.utilisation = Whole<int>(object, "utilisation_percent");
  gpu.temperature = Whole<int>(object, "temperature_celsius");
  const auto processes = object.find("processes");
  if (processes == object.end() || !processes->is_array()) return gpu;
  for (const json& item : *processes) {
    if (!item.is_object()) continue;
    const auto pid = Whole<int64_t>(item, "pid");
    if (!pid) continue;
    gpu.processes.push_back({.pid = *pid,
                             .leftover = item.value("leftover", json(false)) == json(true),
                             .name = Text(item, "name"),
                             .used = Size(item, "used_bytes"),
                             .graphics = item.value("graphics", json(false)) == json(true),
                             .allocated = Size(item, "allocated_bytes"),
                             .reserved = Size(item, "reserved_bytes")});
  }
  return gpu;
}

template <typename T>
json OrNull(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}
json OrNull(const std::optional<Bytes>& value) {
  return value ? json(value->count()) : json(nullptr);
}

}  // namespace

json ToJson(const Sample& sample) {
  json object = {{"schema", "vramcast.watch"}, {"version", 1}, {"type", "sample"}};
  object["time"] = sample.time;
  if (sample.step) object["step"] = *sample.step;
  if (sample.total_steps) object["total_steps"] = *sample.total_steps;
  object["gpus"] = json::array();
  for (const GpuSample& gpu : sample.gpus) {
    json processes = json::array();
    for (const ProcessSample& process : gpu.processes) {
      processes.push_back({{"pid", process.pid},
                           {"name", OrNull(process.name)},
                           {"used_bytes", OrNull(process.used)},
                           {"leftover", process.leftover},
                           {"graphics", process.graphics}});
      if (process.allocated) processes.back()["allocated_bytes"] = process.allocated->count();
      if (process.reserved) processes.back()["reserved_bytes"] = process.reserved->count();
    }
    object["gpus"].push_back({{"index", gpu.index},
                              {"uuid", gpu.id},
                              {"name", gpu.name},
                              {"used_bytes", gpu.used.count()},
                              {"capacity_bytes", OrNull(gpu.capacity)},
                              {"utilisation_percent", OrNull(gpu.utilisation)},
                              {"temperature_celsius", OrNull(gpu.temperature)},
                              {"processes", std::move(processes)}});
  }
  return object;
}

Result<std::optional<Sample>> ParseSample(std::string_view line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return UnreadableError("not a JSON object");
  if (const auto type = Text(object, "type"); type && *type != "sample") return std::nullopt;
  const auto gpus = object.find("gpus");
  if (gpus == object.end() || !gpus->is_array()) return UnreadableError("no list of GPUs");
  Sample sample{.time = Number(object, "time").value_or(std::nan("")),
                .step = Whole<int64_t>(object, "step"),
                .total_steps = Whole<int64_t>(object, "total_steps")};
  for (size_t i = 0; i < gpus->size(); ++i) {
    if (auto gpu = ParseGpu((*gpus)[i], i)) sample.gpus.push_back(*std::move(gpu));
  }
  if (sample.gpus.empty() && !gpus->empty()) return UnreadableError("no GPU with used_bytes");
  return sample;
}

std::optional<Sample> SeriesReader::Next() {
  std::string line;
  while (input_) {
    line.clear();
    char c = 0;
    bool too_long = false;
    while (input_.get(c) && c != '\n') {
      if (line.size() < kLongestLine) {
        line += c;
      } else {
        too_long = true;
      }
    }
    if (Trim(line).empty()) continue;
    ++lines_;
    Result<std::optional<Sample>> sample =
        too_long ? UnreadableError("line too long") : ParseSample(line);
    if (!sample) {
      ++skipped_;
      continue;
    }
    if (!*sample) continue;
    if (std::isnan((*sample)->time)) (*sample)->time = has_time_ ? last_time_ + 1 : 0;
    last_time_ = (*sample)->time;
    has_time_ = true;
    return *std::move(*sample);
  }
  return std::nullopt;
}

}  // namespace vramcast::monitor
