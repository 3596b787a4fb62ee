// Forecasts beside what real runs printed (measured-runs) and what real PyTorch allocated on a
// device that counts memory (emulated): one line a run, then the summaries. The data folder is
// VRAMCAST_DATA, or ../shared beside the repository.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "bench/comparison.h"
#include "forecast/forecast.h"
#include "gpu/card.h"
#include "nanochat/flags.h"

namespace {

using nlohmann::json;
namespace fc = vramcast::forecast;
namespace nano = vramcast::nanochat;
using vramcast::bench::Quantile;

struct Row {
  std::string id, tier, revision, gpu;
  double measured = 0, forecast = 0, low = 0, high = 0;  // MiB
  double low_seen = 0;  // the smallest peak seen, where several were
  bool exact = true;    // printed with decimals
  vramcast::bench::Training training;
  std::map<std::string, double> composition;  // MiB, by category
  double error() const { return (forecast / measured - 1) * 100; }
};

std::string Text(const json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<int64_t> Number(const json& record, const char* key) {
  const auto found = record.find(key);
  if (found == record.end() || !found->is_number()) return {};
  return found->get<int64_t>();
}

// The number after `flag` in a quoted command.
std::optional<int64_t> FlagIn(const std::string& text, const std::string& flag) {
  const size_t at = text.find(flag);
  if (at == std::string::npos) return {};
  return std::strtoll(text.c_str() + at + flag.size(), nullptr, 10);
}

std::optional<fc::Request> RequestOf(const json& record) {
  fc::Request request;
  nano::Flags& flags = request.flags;
  std::vector<std::string> extra;
  if (record.contains("extra_args") && record["extra_args"].is_array()) {
    for (const auto& word : record["extra_args"]) extra.push_back(word.get<std::string>());
  }
  if (auto parsed = nano::ParseFlags(extra)) flags = *parsed;
  flags.depth = Number(record, "depth");
  flags.head_dim = Number(record, "head_dim");
  flags.max_seq_len = Number(record, "max_seq_len");
  flags.device_batch_size = Number(record, "device_batch_size");
  flags.total_batch_size = Number(record, "total_batch_size");
  flags.vocab_size = Number(record, "vocab_size");
  flags.world_size = Number(record, "world_size");
  flags.num_iterations = Number(record, "num_iterations");
  flags.aspect_ratio = Number(record, "aspect_ratio");
  const auto width = Number(record, "model_dim");
  // Widths that do not divide were rounded up from the next lower product.
  if (!flags.aspect_ratio && width && flags.depth) flags.aspect_ratio = *width / *flags.depth;
  if (const std::string windows = Text(record, "window_pattern"); !windows.empty()) {
    flags.window_pattern = windows;
  }
  if (record.contains("fp8") && record["fp8"].is_boolean() && record["fp8"].get<bool>()) {
    flags.fp8 = true;
  }
  flags.revision = Text(record, "revision");
  flags.stage = nano::StageOf("scripts." + Text(record, "stage") + "_train");
  if (!flags.stage) flags.stage = nano::StageOf("scripts.chat_" + Text(record, "stage"));
  // A re-implementation's command names a launcher, but not which optimizers it then takes.
  const std::string launcher = Text(record, "launcher");
  // What the record's fields leave open, the quoted command may tell.
  const std::string verbatim = Text(record, "verbatim");
  if (!flags.total_batch_size) flags.total_batch_size = FlagIn(verbatim, "--total_batch_size=");
  if (!flags.num_iterations) flags.num_iterations = FlagIn(verbatim, "--num_iterations=");
  if (launcher == "python") flags.launcher = nano::Launcher::kPython;
  if (launcher == "torchrun") flags.launcher = nano::Launcher::kTorchrun;
  if (const std::string name = Text(record, "gpu_name"); !name.empty()) {
    if (auto card = vramcast::gpu::FindCard(name)) request.card = card->card;
  }
  if (auto settings = vramcast::ParseAllocConf(Text(record, "alloc_conf"))) {
    request.allocator = *settings;
  }
  return request;
}

// The run as other people's formulas see it.
vramcast::bench::Training TrainingOf(const json& record, const fc::Forecast& forecast) {
  vramcast::bench::Training training;
  training.parameters = static_cast<double>(forecast.parameters);
  training.layers = static_cast<double>(Number(record, "depth").value_or(20));
  training.width = static_cast<double>(
      Number(record, "model_dim").value_or(64 * static_cast<int>(training.layers)));
  const auto head = static_cast<double>(Number(record, "head_dim").value_or(128));
  training.heads = training.width / head;
  training.hidden = 4 * training.width;
  training.vocabulary = static_cast<double>(Number(record, "vocab_size").value_or(32768));
  training.largest_layer = training.vocabulary * training.width;
  training.batch = static_cast<double>(forecast.device_batch_size);
  training.length = static_cast<double>(Number(record, "max_seq_len").value_or(2048));
  training.ranks = static_cast<double>(forecast.world_size);
  return training;
}

std::vector<json> Read(const std::string& path) {
  std::vector<json> records;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    json record = json::parse(line, nullptr, false);
    if (!record.is_discarded()) records.push_back(std::move(record));
  }
  return records;
}

std::optional<Row> Forecast(const json& record) {
  const auto request = RequestOf(record);
  if (!request) return {};
  const auto forecast = fc::Make(*request);
  Row row;
  row.id = Text(record, "id");
  if (!forecast) {
    fmt::print("{:<18} {}\n", row.id, forecast.error().message);
    return {};
  }
  row.tier = Text(record, "tier");
  row.revision = Text(record, "revision");
  row.gpu = Text(record, "gpu_name");
  row.measured = record["value_mib"].get<double>();
  row.low_seen = row.measured;
  if (record.contains("observed_mib")) {
    for (const auto& seen : record["observed_mib"]) {
      row.low_seen = std::min(row.low_seen, seen.get<double>());
    }
  }
  row.forecast = forecast->peak_allocated.mib();
  row.low = forecast->interval.low.mib();
  row.high = forecast->interval.high.mib();
  row.exact = Text(record, "value_precision") == "exact";
  row.training = TrainingOf(record, *forecast);
  row.composition = vramcast::bench::CompositionOf(*forecast);
  const auto request_phase = vramcast::PhaseName(forecast->peak_phase);
  fmt::print("{:<18} {:>1} {:<10} {:<24} {:>10.2f} {:>10.2f} {:>+8.3f} %  [{:.0f}, {:.0f}]{} {}\n",
             row.id, row.tier, row.revision.substr(0, 10), row.gpu.substr(0, 24), row.measured,
             row.forecast, row.error(), row.low, row.high,
             row.measured < row.low || row.measured > row.high ? " outside" : "", request_phase);
  return row;
}

void Summarise(const std::string& title, const std::vector<Row>& rows) {
  if (rows.empty()) return;
  std::vector<double> absolute, width;
  double worst_under = 0, mean = 0;
  int covered = 0;
  int within_8 = 0, within_half = 0;
  for (const Row& row : rows) {
    absolute.push_back(std::abs(row.error()));
    width.push_back((row.high - row.low) / row.forecast * 100);
    mean += std::abs(row.error()) / static_cast<double>(rows.size());
    worst_under = std::min(worst_under, row.error());
    covered += row.low <= row.low_seen && row.measured <= row.high;
    within_8 += std::abs(row.error()) <= 8;
    within_half += std::abs(row.error()) <= 0.5;
  }
  fmt::print(
      "{:<34} n {:>3} | median |error| {:6.3f} % | mean {:6.3f} % | nine in ten within {:6.3f} % | "
      "worst under {:+7.3f} % | within 0.5 %: {:>3} | within 8 %: {:>3} | covered {:>3} | width "
      "{:.2f} %\n",
      title, rows.size(), Quantile(absolute, 0.5), mean, Quantile(absolute, 0.9), worst_under,
      within_half, within_8, covered, Quantile(width, 0.5));
}

template <typename Key>
void SummariseBy(const char* title, const std::vector<Row>& rows, Key key) {
  std::map<std::string, std::vector<Row>> groups;
  for (const Row& row : rows) groups[key(row)].push_back(row);
  fmt::print("\nby {}\n", title);
  for (const auto& [name, group] : groups) Summarise("  " + name, group);
}

std::vector<vramcast::bench::Compared> ToCompare(const std::vector<Row>& rows) {
  std::vector<vramcast::bench::Compared> all;
  for (const Row& row : rows) {
    all.push_back({row.id, row.measured, row.forecast, row.training, row.composition});
  }
  return all;
}

std::string DataFolder() {
  if (const char* folder = std::getenv("VRAMCAST_DATA")) return folder;
  return std::string(VRAMCAST_SOURCE_DIR) + "/../shared";
}

}  // namespace

// Given a file, compares compositions with it too.
int main(int argc, char** argv) {
  const std::string data = DataFolder();
  const auto start = std::chrono::steady_clock::now();
  fmt::print("emulated runs: peak allocated, MiB (measured, forecast, error, interval)\n");
  std::vector<Row> emulated;
  for (const json& record : Read(data + "/emulated/index.jsonl")) {
    if (Text(record, "program") != "nanochat") continue;
    if (const auto row = Forecast(record)) emulated.push_back(*row);
  }
  fmt::print("\nmeasured runs in scope\n");
  std::vector<Row> measured;
  for (const json& record : Read(data + "/measured-runs/nanochat.jsonl")) {
    if (!record.value("in_scope", false) || !record["value_mib"].is_number()) continue;
    if (Text(record, "kind") != "max_memory_allocated") continue;
    if (const auto row = Forecast(record)) measured.push_back(*row);
  }
  if (emulated.empty() && measured.empty()) {
    fmt::print("no data at {}: set VRAMCAST_DATA\n", data);
    return 0;
  }
  const auto pick = [&](auto&& keep) {
    std::vector<Row> rows;
    for (const Row& row : measured) {
      if (keep(row)) rows.push_back(row);
    }
    return rows;
  };
  fmt::print("\nsummary\n");
  Summarise("emulated, nanochat", emulated);
  Summarise("measured, tiers A and B",
            pick([](const Row& row) { return row.tier == "A" || row.tier == "B"; }));
  Summarise("measured, tier A, exact figures",
            pick([](const Row& row) { return row.tier == "A" && row.exact; }));
  Summarise("measured, tier C", pick([](const Row& row) { return row.tier == "C"; }));
  SummariseBy("revision", measured, [](const Row& row) { return row.revision; });
  SummariseBy("GPU", measured,
              [](const Row& row) { return row.gpu.empty() ? "not known" : row.gpu; });
  vramcast::bench::Compare("emulated, nanochat", ToCompare(emulated));
  vramcast::bench::Compare(
      "measured, tiers A and B",
      ToCompare(pick([](const Row& row) { return row.tier == "A" || row.tier == "B"; })));
  if (argc > 1) vramcast::bench::CompareComposition(argv[1], ToCompare(emulated));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("\n{} forecasts in {:.3f} s: {:.2f} ms each\n", emulated.size() + measured.size(),
             seconds, seconds * 1000 / static_cast<double>(emulated.size() + measured.size()));
  return 0;
}
