// `vramcast run`: starts a command, sees it die of out-of-memory, corrects it and starts it again.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/fix_source.h"
#include "cli/flag_table.h"
#include "cli/gpu_text.h"
#include "cli/run_attempts.h"
#include "cli/verbs.h"
#include "command/quote.h"
#include "diagnosis/diagnosis.h"
#include "supervise/child.h"
#include "supervise/startup.h"
#include "supervise/tail.h"

namespace vramcast::cli {
namespace {

namespace fs = std::filesystem;

// A traceback of eight ranks with C++ frames is well below a MiB.
constexpr size_t kTailBytes = 4 << 20;

double Seconds(const supervise::Ended& ended) {
  return static_cast<double>(ended.duration.count()) / 1000;
}

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class RunVerb : public Verb {
 public:
  std::string_view name() const override { return "run"; }
  std::string_view description() const override {
    return "starts a command, and corrects and resumes it when it runs out of memory";
  }

  void Declare(FlagTable& app) override {
    app.add_option("--retries", retries_, "corrected attempts after the first (default 2)")
        .Within(0, 100);
    app.add_option("--gpu", arguments_.gpu, "the card, where it is not the one of this machine");
    app.add_option("--revision", arguments_.revision, "of nanochat");
    app.add_option("--nanochat", arguments_.nanochat, "a checkout, whose revision counts");
    app.add_option("--snapshots", snapshots_,
                   "where memory snapshots go when it dies (default vramcast-snapshots)");
    app.add_option("--grace", grace_, "seconds that a command may take to end (default 30)")
        .Within(0, 86400);
    app.add_flag("--no-record", no_record_, "do not record PyTorch's allocator history");
    app.add_flag("--no-resume", no_resume_, "start again from the beginning");
    app.add_flag("--force", force_, "start even if the forecast says that it cannot fit");
    app.add_flag("--json", json_, "the report as JSON; the command's output goes to stderr");
    app.add_flag("--explain", explain_, "the forecast of the command before it starts");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (command.empty()) return UsageError("say what to run after --: vramcast run -- COMMAND");
    arguments_.argv = command;
    const bool allowed = MayStart(output);
    if (!allowed) return Exit::kBadNews;
    auto status = RunAttempts(command, output);
    if (!status) return tl::make_unexpected(status.error());
    if (json_) {
      output.out() << Report().dump(2) << '\n';
    } else if (attempts_.size() > 1 || attempts_.back().out_of_memory) {
      output.err() << RenderText(Describe(), {});
    }
    return static_cast<Exit>(attempts_.back().ended.code);
  }

 private:
  // The forecast before the start: refuses, or asks on a terminal, if the command cannot fit. What
  // cannot be forecast is started.
  bool MayStart(Output& output) {
    const auto source = ReadFixSource(arguments_);
    if (!source) return true;
    const auto revision = FindFixRevision(arguments_, *source);
    if (revision) rules_.revision = revision->revision;
    const auto card = FindFixCard(arguments_, *source);
    if (!revision || !card) return true;
    FixRequest request;
    request.text = source->text;
    request.revision = revision->revision;
    request.card = card->card;
    request.total = card->total;
    request.other_processes = card->other_processes;
    const auto plan = MakeFixPlan(request);
    if (!plan) return true;
    for (const FixedLaunch& launch : plan->launches) {
      if (!launch.before) continue;
      const forecast::Forecast& before = *launch.before;
      if (explain_) {
        output.Note(fmt::format("{} is forecast to take {} of the device, at most {}",
                                launch.program, FormatBytes(before.peak_device),
                                FormatBytes(before.device_interval.high)));
      }
      if (before.fits.value_or(true)) continue;
      output.Note(fmt::format("{} will not fit: it needs {} to {}, and {} are there",
                              launch.program, FormatBytes(before.device_interval.low),
                              FormatBytes(before.device_interval.high),
                              FormatBytes(before.capacity.value_or(Bytes(0)))));
      if (plan->changed() && plan->fits()) output.Note("this fits: " + plan->text);
      if (force_) return true;
      if (isatty(STDIN_FILENO) == 1 && !json_) {
        output.err() << "start it all the same? [y/N] " << std::flush;
        std::string answer;
        std::getline(std::cin, answer);
        if (answer == "y" || answer == "Y" || answer == "yes") return true;
      }
      output.Note("not started; --force starts it all the same");
      return false;
    }
    return true;
  }

  Status RunAttempts(const std::vector<std::string>& command, Output& output) {
    rules_.gpu = arguments_.gpu;
    rules_.may_resume = !no_resume_;
    rules_.began = std::time(nullptr);
    std::vector<std::string> argv = command;
    std::string text = command::QuoteCommand(command);
    for (;;) {
      attempts_.push_back({.command = text});
      Attempt& attempt = attempts_.back();
      supervise::Tail tail(kTailBytes);
      if (auto status = RunOnce(argv, &attempt, &tail); !status) return status;
      if (attempt.ended.code == 0) return {};
      Judge(tail.Text(), &attempt);
      const bool again = attempt.out_of_memory && !attempt.ended.interrupted;
      if (!again || attempts_.size() > static_cast<size_t>(retries_)) return {};
      const NextAttempt next = PlanNext(tail.Text());
      if (next.command.empty()) {
        output.Note(fmt::format("{}; no further attempt: {}", attempt.summary, next.why_not));
        return {};
      }
      attempt.changes = next.changes;
      text = next.command;
      argv = {"/bin/bash", "-c", text};
      output.Note(attempt.summary);
      for (const std::string& change : next.changes) output.Note("  " + change);
      output.Note(fmt::format("attempt {} of {}: {}", attempts_.size() + 1, retries_ + 1, text));
    }
  }

  Status RunOnce(const std::vector<std::string>& argv, Attempt* attempt, supervise::Tail* tail) {
    supervise::ChildOptions options{
        .argv = argv, .output_to_stderr = json_, .grace = std::chrono::seconds(grace_)};
    const std::string folder = fmt::format("{}/attempt{}", snapshots_, attempts_.size());
    std::optional<supervise::StartupModule> module;
    if (!no_record_) {
      auto written = supervise::StartupModule::Write(folder);
      if (!written) return tl::make_unexpected(written.error());
      module.emplace(std::move(*written));
      options.environment = module->environment();
    }
    auto ended = supervise::RunChild(options, [&](std::string_view bytes) { tail->Append(bytes); });
    if (!ended) return tl::make_unexpected(ended.error());
    attempt->ended = *ended;
    attempt->snapshots = FilesIn(folder);
    return {};
  }

  void Judge(const std::string& text, Attempt* attempt) const {
    const auto diagnosis =
        diagnosis::Diagnose({diagnosis::LogFromText("output", text)},
                            {.command = arguments_.argv, .card = {}, .revision = {}});
    attempt->out_of_memory = diagnosis.verdict == diagnosis::Verdict::kGpuMemory;
    attempt->summary = diagnosis.summary;
    if (!diagnosis.findings.empty()) {
      attempt->cause = std::string(diagnosis::CauseName(diagnosis.findings.front().cause));
    }
  }

  // Plans from a file, as `fix --log` does; without room for one there is no further attempt.
  NextAttempt PlanNext(const std::string& text) const {
    std::error_code error;
    std::string path = (fs::temp_directory_path(error) / "vramcast-log-XXXXXX").string();
    const int fd = mkstemp(path.data());
    if (fd < 0) return {.why_not = "the log could not be kept"};
    close(fd);
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    auto next = Next(attempts_, rules_, path);
    fs::remove(path, error);
    if (!next) return {.why_not = next.error().message};
    return *next;
  }

  // What the attempts that died have cost.
  double Lost() const {
    double lost = 0;
    for (const Attempt& attempt : attempts_)
      lost += attempt.out_of_memory ? Seconds(attempt.ended) : 0;
    return lost;
  }

  Document Describe() const {
    Document document;
    document.Add(Title{"What ran"});
    Table table{.header = {"attempt", "took", "exit code", "what happened"},
                .right_aligned = {true, true, true}};
    for (size_t i = 0; i < attempts_.size(); ++i) {
      const Attempt& attempt = attempts_[i];
      table.rows.push_back({std::to_string(i + 1), FormatSeconds(Seconds(attempt.ended)),
                            std::to_string(attempt.ended.code),
                            attempt.ended.code == 0 ? "finished" : attempt.summary});
    }
    document.Add(table);
    for (const Attempt& attempt : attempts_) {
      for (const std::string& change : attempt.changes) document.Add(Bullet{change});
      for (const std::string& file : attempt.snapshots) {
        document.Add(Bullet{"memory at that moment: vramcast snapshot " + file});
      }
    }
    if (Lost() > 0) {
      document.Add(Paragraph{
          fmt::format("Lost to attempts that ran out of memory: {}.", FormatSeconds(Lost()))});
    }
    document.Add(Code{attempts_.back().command});
    return document;
  }

  nlohmann::json Report() const {
    nlohmann::json report = {{"schema", "vramcast.run"}, {"version", 1}};
    report["exit_code"] = attempts_.back().ended.code;
    report["command"] = attempts_.back().command;
    report["lost_seconds"] = Lost();
    report["attempts"] = nlohmann::json::array();
    for (const Attempt& attempt : attempts_) {
      report["attempts"].push_back({{"command", attempt.command},
                                    {"exit_code", attempt.ended.code},
                                    {"seconds", Seconds(attempt.ended)},
                                    {"out_of_memory", attempt.out_of_memory},
                                    {"cause", attempt.cause},
                                    {"summary", attempt.summary},
                                    {"changes", attempt.changes},
                                    {"interrupted", attempt.ended.interrupted},
                                    {"leftover_processes", attempt.ended.leftovers},
                                    {"snapshots", attempt.snapshots}});
    }
    return report;
  }

  FixArguments arguments_;
  RunRules rules_{.revision = nanochat::HeadRevision()};
  std::vector<Attempt> attempts_;
  std::string snapshots_ = "vramcast-snapshots";
  int retries_ = 2;
  int grace_ = 30;
  bool no_record_ = false, no_resume_ = false, force_ = false, json_ = false, explain_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeRunVerb() { return std::make_unique<RunVerb>(); }

}  // namespace vramcast::cli
