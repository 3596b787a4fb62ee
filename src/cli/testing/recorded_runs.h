// Real recordings of the folder that VRAMCAST_DATA names, with what is known of each from
// elsewhere, for the tests and the accuracy table: lines of snapshots/index.jsonl and
// emulated/index.jsonl.
#pragma once

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "allocator/device.h"
#include "analysis/whatif.h"
#include "cli/recording_input.h"

namespace vramcast::cli::recorded {

struct DeviceTruth {
  size_t device = 0;
  int64_t events = 0;
  int64_t allocations = 0;
  int64_t peak_reserved = 0;
  int64_t allocated_at_end = 0;
};

struct RecordedRun {
  std::string id;
  std::string path;
  std::vector<DeviceTruth> devices;
  std::optional<int64_t> peak_allocated;  // max_memory_allocated, where it was printed
  bool trimmed = false;                   // somebody cut events out of the file

  // Of runs of one program under several conditions (group "vary").
  std::string group;
  std::string torch;
  std::string alloc_conf;
  int64_t batch = 0;
  int64_t peak_reserved = 0;
  bool died = false;
  int64_t retries = 0;
  int64_t device_allocations = 0;
  DeviceSpec device;  // what it ran on
};

inline std::filesystem::path DataFolder(const std::string& source_folder) {
  if (const char* data = std::getenv("VRAMCAST_DATA")) return data;
  return std::filesystem::path(source_folder) / ".." / "shared";
}

inline RecordedRun RunOf(const nlohmann::json& record, const std::filesystem::path& folder) {
  RecordedRun run;
  const bool emulated = record.contains("trace");
  const std::string file = record.at(emulated ? "trace" : "file").get<std::string>();
  run.id = record.value("id", file);
  run.path = (folder / file).string();
  run.trimmed = record.value("trimmed", false);
  for (const nlohmann::json& truth : record.at(emulated ? "trace_truth" : "truth")) {
    run.devices.push_back({truth.at("device").get<size_t>(), truth.at("events").get<int64_t>(),
                           truth.at("allocations").get<int64_t>(),
                           truth.at("peak_reserved_bytes").get<int64_t>(),
                           truth.at("allocated_at_end_bytes").get<int64_t>()});
  }
  const auto peak = record.find("peak_allocated_bytes");
  if (peak != record.end() && peak->is_number()) run.peak_allocated = peak->get<int64_t>();
  if (record.value("group", "") != "vary") return run;
  run.group = "vary";
  run.torch = record.at("torch").get<std::string>();
  run.alloc_conf = record.at("alloc_conf").get<std::string>();
  run.batch = record.at("batch").get<int64_t>();
  run.peak_reserved = record.at("peak_reserved_bytes").get<int64_t>();
  run.died = record.at("oom").is_string();
  run.retries = record.at("stats").at("num_alloc_retries").get<int64_t>();
  run.device_allocations = record.at("stats").at("num_device_alloc").get<int64_t>();
  run.device.total = Bytes(record.at("total_bytes").get<int64_t>());
  run.device.other_processes = Bytes(record.at("non_pytorch_bytes").get<int64_t>());
  return run;
}

// `collection` is "snapshots" or "emulated"; empty where the data are not.
inline std::vector<RecordedRun> ReadRuns(const std::filesystem::path& data,
                                         const std::string& collection) {
  std::vector<RecordedRun> runs;
  std::ifstream index(data / collection / "index.jsonl");
  for (std::string line; std::getline(index, line);) {
    runs.push_back(RunOf(nlohmann::json::parse(line), data / collection));
  }
  return runs;
}

// The first device of a recording played under the conditions of another run of its program.
inline Run PlayLike(const LoadedRecording& loaded, const RecordedRun& other) {
  const auto torch = ParseTorchVersion(other.torch);
  auto wanted = ParseAllocConf(other.alloc_conf, torch.value_or(TorchVersion()));
  return PlayAs(loaded.recording->devices[0], loaded.proofs[0], loaded.settings,
                wanted.value_or(loaded.settings), other.device);
}

// Allocations that nothing in a recording lets anybody predict, each with its reason.
struct Unknowable {
  std::string_view file;  // how its name begins
  uint32_t late_slack = 0;
  uint32_t unclaimed = 0;
  bool end_is_known = true;
  std::string_view reason;
};
inline constexpr std::array kUnknowable = {
    Unknowable{"Wedsonlin__assignment2-systems__61dcd14d", 3, 0, true,
               "blocks from before the recording own up to 1 MiB more than their requests, which "
               "shows only when a later allocation lands behind them"},
    Unknowable{"facebookresearch__mosaic__b99ce418", 0, 520, false,
               "made by a program, not by PyTorch: its addresses lie in no segment"},
    Unknowable{"drisspg__transformer_nuggets__51723b77", 0, 0, false,
               "cut down by hand: frees are missing"},
};
inline Unknowable UnknowableOf(const RecordedRun& run) {
  for (const Unknowable& known : kUnknowable) {
    if (run.id.starts_with(known.file)) return known;
  }
  return {};
}

inline double PercentOff(double predicted, double truth) {
  return truth == 0 ? 0 : 100 * (predicted / truth - 1);
}

}  // namespace vramcast::cli::recorded
