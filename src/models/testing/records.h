// Records of real PyTorch's training of transformers models, for the tests and the accuracy table:
// lines of emulated/index.jsonl in the folder that VRAMCAST_DATA names.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "allocator/play.h"
#include "allocator/settings.h"
#include "models/config.h"
#include "models/model_forecast.h"
#include "models/program.h"

namespace vramcast::models::recorded {

struct ModelRecord {
  std::string id;
  ModelRequest request;
  DeviceSpec device;  // what it ran on, where that decided
  double allocated_mib = 0;
  double reserved_mib = 0;
};

inline std::string IndexPath(const std::string& source_folder) {
  const char* data = std::getenv("VRAMCAST_DATA");
  const std::filesystem::path folder =
      data ? std::filesystem::path(data) : std::filesystem::path(source_folder) / ".." / "shared";
  return (folder / "emulated" / "index.jsonl").string();
}

// Nothing for a line that is no transformers run, or cannot be read.
inline std::optional<ModelRecord> ReadRecord(const std::string& line) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || !json.value("program", "").starts_with("transformers")) return {};
  ModelRecord record;
  record.id = json.value("id", "");
  Result<ModelConfig> config = ReadConfig(json.at("config").dump());
  if (!config) return {};
  record.request.config = std::move(*config);
  record.request.origin = record.id;
  TrainingOptions& options = record.request.options;
  options.batch_size = json.value("batch", int64_t{1});
  options.sequence_lengths = {json.value("seq", int64_t{1})};
  // The program of this group changes the length from step to step.
  if (json.value("group", "") == "vary") {
    options.sequence_lengths = {1024, 763, 1287, 515, 1525, 1024, 896, 1706};
  }
  const auto precision = ParsePrecision(json.value("dtype", ""));
  std::string optimizer_name = json.value("optimizer", "");
  if (optimizer_name == "adamw_fused") optimizer_name = "adamw-fused";
  const auto optimizer = ParseOptimizer(optimizer_name);
  if (!precision || !optimizer) return {};
  options.precision = *precision;
  options.optimizer = *optimizer;
  options.checkpointing = json.value("checkpointing", false);
  options.compile = json.value("compile", false);
  options.accumulation = json.value("accum", int64_t{1});
  const auto torch = ParseTorchVersion(json.value("torch", "2.9"));
  const auto allocator =
      ParseAllocConf(json.value("alloc_conf", ""), torch.value_or(TorchVersion()));
  if (allocator) record.request.allocator = *allocator;
  if (json.contains("total_bytes")) {
    record.device.total = Bytes(json.at("total_bytes").get<int64_t>());
    record.device.context = Bytes(json.value("non_pytorch_bytes", int64_t{0}));
  }
  record.allocated_mib = json.value("value_mib", 0.0);
  record.reserved_mib = Bytes(json.value("peak_reserved_bytes", int64_t{0})).mib();
  return record;
}

inline std::vector<ModelRecord> ReadRecords(const std::string& path) {
  std::vector<ModelRecord> records;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (auto record = ReadRecord(line)) records.push_back(std::move(*record));
  }
  return records;
}

// The same run, on the same device: where it died, the peak until then.
inline Run PlayRecord(const ModelRecord& record) {
  const Program program = WriteProgram(record.request.config, record.request.options, Machine());
  return Play(program.trace, record.request.allocator, record.device);
}

}  // namespace vramcast::models::recorded
