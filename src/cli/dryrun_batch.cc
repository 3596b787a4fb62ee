#include "cli/dryrun_batch.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/fit_command.h"
#include "cli/launch_requests.h"
#include "dryrun/scratch.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {
namespace fs = std::filesystem;

constexpr int64_t kUsualLength = 2048;  // nanochat's default max_seq_len

// Where nanochat looks for its tokenizer and data (get_base_dir in nanochat/common.py).
bool HasData() {
  fs::path base;
  if (const char* named = std::getenv("NANOCHAT_BASE_DIR")) {
    base = named;
  } else if (const char* home = std::getenv("HOME")) {
    base = fs::path(home) / ".cache" / "nanochat";
  }
  std::error_code error;
  return !base.empty() && fs::exists(base / "tokenizer" / "tokenizer.pkl", error);
}

int VocabularyOf(const forecast::Fit& fit) {
  for (const forecast::Input& input : fit.forecast.inputs) {
    if (input.name == "vocab-size") return std::atoi(input.value.c_str());
  }
  return 1 << 15;
}

// The batch is what is looked for; what follows a training step has been forecast.
std::vector<std::string> WithoutEvaluation(const nanochat::Revision& revision,
                                           const std::string& script, const forecast::Fit& fit) {
  std::vector<std::string> flags;
  const auto add = [&](const char* name, int64_t value) {
    if (nanochat::FindFlag(revision, script, name)) {
      flags.push_back(fmt::format("{}={}", nanochat::Spell(revision, script, name), value));
    }
  };
  // Until 2026 an evaluation could not be switched off: one of no tokens comes nearest.
  const auto every = nanochat::FindFlag(revision, script, "eval_every");
  const bool configurator =
      every && nanochat::Spell(revision, script, "eval_every").find('_') != std::string::npos;
  if (configurator) {
    const int64_t batch = fit.allowed.empty() ? 1 : fit.allowed.back();
    add("eval_tokens",
        fit.forecast.world_size * batch * fit.flags.max_seq_len.value_or(kUsualLength));
  } else {
    add("eval_every", -1);
  }
  add("core_metric_every", -1);
  add("sample_every", -1);
  return flags;
}

}  // namespace

std::vector<int64_t> AcceptedBatches(const dryrun::Request& request) {
  forecast::Request base;
  base.card = request.card;
  const auto launches = RequestsOf(request.command, NanochatOptions(), base);
  if (!launches || launches->empty()) return {};
  forecast::Request wanted = launches->front().request;
  if (request.world_size) wanted.flags.world_size = *request.world_size;
  const auto fit = forecast::FindBatch(wanted);
  return fit ? fit->allowed : std::vector<int64_t>();
}

Result<dryrun::LargestBatch> FindExactly(const forecast::Fit& fit, const forecast::Request& asked,
                                         const nanochat::Revision& revision,
                                         const std::string& folder, Output& output) {
  if (!asked.card) return UsageError("fit --exact needs a card that is in the catalogue: --gpu");
  const nanochat::Stage stage = fit.flags.stage.value_or(nanochat::Stage::kBase);
  const std::string script(nanochat::ScriptOf(stage));
  std::error_code error;
  if (!folder.empty()) fs::current_path(folder, error);
  if (error || !fs::exists("nanochat/gpt.py", error)) {
    return MachineError(fmt::format(
        "fit --exact runs nanochat itself: {} is not a checkout of it (name one with --nanochat)",
        folder.empty() ? "this folder" : folder));
  }
  auto scratch = dryrun::Scratch::Make();
  if (!scratch) return tl::make_unexpected(scratch.error());
  dryrun::Request request;
  request.card = *asked.card;
  if (asked.total) request.card.total = *asked.total;
  request.other_processes = asked.other_processes;
  request.record = false;
  request.output_to_error = true;
  request.command = CommandWords(fit, revision);
  // As `uv run` would.
  for (const char* environment : {".venv/bin/", "venv/bin/"}) {
    if (std::getenv("VIRTUAL_ENV") == nullptr && fs::exists(environment + request.command[0])) {
      request.command[0] = fs::absolute(environment + request.command[0]).string();
      break;
    }
  }
  if (!HasData()) {
    const std::string data = (scratch->path() / "data").string();
    output.Note("making a tokenizer and data, since nanochat has none here");
    const Status made = dryrun::MakeSampleData(data, VocabularyOf(fit), request.command);
    if (!made) return tl::make_unexpected(made.error());
    request.command.insert(request.command.begin(), "NANOCHAT_BASE_DIR=" + data);
  }
  dryrun::BatchSearch search;
  search.sizes = fit.allowed;
  search.append = WithoutEvaluation(revision, script, fit);
  return dryrun::FindLargestBatch(request, search,
                                  [&output](std::string_view line) { output.Note(line); });
}

nlohmann::json TrialsJson(const dryrun::LargestBatch& found) {
  nlohmann::json tried = nlohmann::json::array();
  for (const dryrun::Trial& trial : found.trials) {
    tried.push_back({{"device_batch_size", trial.batch},
                     {"fits", trial.fits},
                     {"peak_allocated_bytes", trial.peak_allocated.count()},
                     {"peak_device_bytes", trial.peak_device.count()}});
  }
  return tried;
}

Paragraph StoppedSearch() {
  return {"Stopped from outside: larger sizes may live too.", Tone::kWarning};
}

void AddTrials(const dryrun::LargestBatch& found, Document* document) {
  if (found.trials.empty()) return;
  Table table;
  table.header = {"batch", "", "allocated", "device"};
  table.right_aligned = {true, false, true, true};
  for (const dryrun::Trial& trial : found.trials) {
    table.rows.push_back({std::to_string(trial.batch), trial.fits ? "lives" : "out of memory",
                          fmt::format("{:.2f} MiB", trial.peak_allocated.mib()),
                          fmt::format("{:.2f} MiB", trial.peak_device.mib())});
  }
  document->Add(std::move(table));
}

}  // namespace vramcast::cli
