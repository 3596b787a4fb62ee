#include "supervise/records.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "crashlog/when.h"

namespace vramcast::supervise {
namespace {

using nlohmann::json;

constexpr uintmax_t kLargestRecord = uintmax_t{16} << 20;
constexpr size_t kMostRecords = 4096;

std::optional<int64_t> Integer(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<int64_t>();
}

std::optional<Bytes> Size(const json& object, const char* key) {
  const auto value = Integer(object, key);
  return value && *value >= 0 ? std::optional(Bytes(*value)) : std::nullopt;
}

double Number(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

const json& List(const json& object, const char* key) {
  static const json kNone = json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : kNone;
}

std::vector<crashlog::Frame> FramesOf(const json& object) {
  std::vector<crashlog::Frame> frames;
  for (const json& frame : List(object, "frames")) {
    if (!frame.is_array() || frame.size() != 4 || !frame[0].is_string() ||
        !frame[1].is_number_integer() || !frame[2].is_string() || !frame[3].is_string()) {
      continue;
    }
    frames.push_back({frame[0].get<std::string>(), frame[1].get<int64_t>(),
                      frame[2].get<std::string>(), frame[3].get<std::string>()});
  }
  return frames;
}

// [place before or null, place after, bytes, calm looks]
std::optional<RiseRecord> RiseOf(const json& rise, size_t places) {
  if (!rise.is_array() || rise.size() != 4) return std::nullopt;
  for (size_t i = 1; i < 4; ++i) {
    if (!rise[i].is_number_unsigned()) return std::nullopt;
  }
  RiseRecord record{.before = {},
                    .after = rise[1].get<size_t>(),
                    .to = Bytes(rise[2].get<int64_t>()),
                    .calm = rise[3].get<int64_t>()};
  if (rise[0].is_number_unsigned()) record.before = rise[0].get<size_t>();
  const bool known = record.after < places && record.before.value_or(0) < places;
  return known ? std::optional(record) : std::nullopt;
}

}  // namespace

Phase SeenFromOutside(Phase phase) {
  switch (phase) {
    case Phase::kFirstForward:
    case Phase::kFirstBackward:
    case Phase::kFirstOptimizerStep:
      return Phase::kTrainStep;
    default:
      return phase;
  }
}

Result<ProcessRecord> ParseRecord(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object() || object.value("schema", json()) != "vramcast.startup") {
    return UnreadableError("not a record of the start-up module");
  }
  ProcessRecord record;
  record.pid = Integer(object, "pid").value_or(0);
  record.rank = Integer(object, "rank").value_or(0);
  record.world_size = Integer(object, "world_size").value_or(1);
  const auto program = object.find("program");
  if (program != object.end() && program->is_string()) record.program = program->get<std::string>();
  record.began = Number(object, "began");
  record.time = Number(object, "time");
  record.device = Integer(object, "device");
  record.allocated = Size(object, "allocated").value_or(Bytes(0));
  record.reserved = Size(object, "reserved").value_or(Bytes(0));
  record.peak_allocated = Size(object, "peak_allocated").value_or(Bytes(0));
  record.peak_reserved = Size(object, "peak_reserved").value_or(Bytes(0));
  record.looks = Integer(object, "looks").value_or(0);
  for (const json& place : List(object, "stacks")) {
    if (!place.is_object()) continue;
    record.places.push_back({.frames = FramesOf(place),
                             .looks = Integer(place, "looks").value_or(0),
                             .allocated = Size(place, "allocated").value_or(Bytes(0)),
                             .reserved = Size(place, "reserved").value_or(Bytes(0))});
  }
  for (const json& rise : List(object, "rises")) {
    if (auto read = RiseOf(rise, record.places.size())) record.rises.push_back(*read);
  }
  for (const json& death : List(object, "deaths")) {
    if (!death.is_object()) continue;
    record.deaths.push_back({.time = Number(death, "time"),
                             .device = Integer(death, "device"),
                             .requested = Size(death, "requested"),
                             .total = Size(death, "total"),
                             .free = Size(death, "free"),
                             .allocated = Size(death, "allocated"),
                             .reserved = Size(death, "reserved"),
                             .frames = FramesOf(death)});
  }
  return record;
}

Records ReadRecords(const std::string& folder) {
  namespace fs = std::filesystem;
  Records records;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".json") continue;
    std::error_code unreadable;
    const auto size = fs::file_size(entry.path(), unreadable);
    if (unreadable || size > kLargestRecord || records.processes.size() >= kMostRecords) {
      ++records.skipped;
      continue;
    }
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (auto record = ParseRecord(text)) {
      records.processes.push_back(*std::move(record));
    } else {
      ++records.skipped;
    }
  }
  std::sort(records.processes.begin(), records.processes.end(),
            [](const ProcessRecord& a, const ProcessRecord& b) {
              return std::pair(a.rank, a.pid) < std::pair(b.rank, b.pid);
            });
  return records;
}

std::vector<PhaseMeasured> MeasuredPhases(const Records& records) {
  // Five seconds: evaluation and training both show their peak within fewer steps than that takes.
  constexpr int64_t kSettled = 25;
  std::map<Phase, PhaseMeasured> phases;
  const auto raise = [&phases](Phase phase, Bytes allocated, Bytes reserved) {
    PhaseMeasured& measured = phases[phase];
    measured.phase = phase;
    measured.allocated = std::max(measured.allocated, allocated);
    measured.reserved = std::max(measured.reserved, reserved);
  };
  for (const ProcessRecord& process : records.processes) {
    std::vector<Phase> at;
    for (const PlaceRecord& place : process.places) {
      at.push_back(SeenFromOutside(crashlog::PhaseOfFrames(place.frames, true)));
      raise(at.back(), place.allocated, place.reserved);
    }
    for (const RiseRecord& rise : process.rises) {
      const bool same = rise.before && at[*rise.before] == at[rise.after];
      if (same || rise.calm >= kSettled) raise(at[rise.after], rise.to, Bytes(0));
    }
  }
  std::vector<PhaseMeasured> list;
  for (const auto& [phase, measured] : phases) list.push_back(measured);
  return list;
}

}  // namespace vramcast::supervise
