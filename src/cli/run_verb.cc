// `vramcast run`: starts a command, sees it die of out-of-memory, corrects it and starts it again.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "cli/fix_source.h"
#include "cli/flag_table.h"
#include "cli/history_recorder.h"
#include "cli/run_attempts.h"
#include "cli/run_policy.h"
#include "cli/run_report.h"
#include "cli/run_script.h"
#include "cli/run_start.h"
#include "cli/run_wait.h"
#include "cli/run_watch.h"
#include "cli/verbs.h"
#include "command/edit.h"
#include "command/quote.h"
#include "gpu/card.h"
#include "monitor/allocator_numbers.h"
#include "monitor/sample.h"
#include "report/html.h"
#include "supervise/child.h"
#include "supervise/host_kills.h"
#include "supervise/startup.h"

namespace vramcast::cli {
namespace {

namespace fs = std::filesystem;

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<std::string> SnapshotsIn(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".pickle") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The folder of a `run` around this one, whose module records the same program.
std::string OuterRun() {
  const char* folder = std::getenv(supervise::kRunVariable);
  std::error_code error;
  return folder != nullptr && fs::is_directory(folder, error) ? folder : "";
}

constexpr const char* kInnerMark = "/inner";

class RunVerb : public Verb {
 public:
  std::string_view name() const override { return "run"; }
  std::string_view description() const override {
    return "starts a command, and corrects and resumes it when it runs out of memory";
  }

  void Declare(FlagTable& flags) override {
    flags.Value("--retries", retries_, "corrected attempts after the first (default 2)")
        .Within(0, 100);
    flags.Value("--allow", allow_,
                "changes beyond a smaller device batch with the same total: batch, fp8, "
                "metrics, sequence (a list with commas)");
    flags.Switch("--force", force_, "start even if the forecast says that it cannot fit");
    flags.Switch("--protect-eval", protect_,
                 "save before an evaluation that may not fit, where nanochat can");
    flags.Switch("--no-resume", no_resume_, "start again from the beginning");
    flags.Value("--report", report_, "write the report to this HTML file too");
    flags
        .Value("--wait", wait_,
               "seconds to wait for other processes that hold the card (default 600)")
        .Within(0, 1000000);
    flags
        .Value("--stall", stall_,
               "end ranks that wait this many seconds for one that died (default 120; 0: never)")
        .Within(0, 1000000);
    flags.Value("--grace", grace_, "seconds that a command may take to end (default 30)")
        .Within(0, 86400);
    flags.Value("--snapshots", snapshots_,
                "where memory snapshots go when it dies (default vramcast-snapshots)");
    flags.Switch("--no-record", no_record_, "start no module in Python: record nothing in there");
    flags.Value("--gpu", arguments_.gpu, "the card, where it is not the one of this machine");
    flags.Value("--revision", arguments_.revision, "of nanochat");
    flags.Value("--nanochat", arguments_.nanochat, "a checkout, whose revision counts");
    const Flag history = flags.Value("--history", history_,
                                     "keep the run in this file, not in the user's own history");
    flags.Switch("--no-history", no_history_, "keep nothing of it").Excludes(history);
    flags.Switch("--json", json_, "the report as JSON; the command's output goes to stderr");
    flags.Switch("--explain", explain_, "the forecast of the command before it starts");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (command.empty()) return UsageError("say what to run after --: vramcast run -- COMMAND");
    if (auto status = ReadAllowances(); !status) return tl::make_unexpected(status.error());
    if (!report_.empty() && !std::ofstream(report_, std::ios::app)) {
      return UsageError(
          fmt::format("the report cannot be written to {}: {}", report_, strerror(errno)));
    }
    if (const std::string outer = OuterRun(); !outer.empty()) {
      std::ofstream(outer + kInnerMark) << getpid();
    }
    asked_ = ReadAsked(command);
    const StartRequest start{.asked = asked_,
                             .arguments = arguments_,
                             .force = force_,
                             .protect = protect_,
                             .may_ask = !json_,
                             .explain = explain_};
    StartDecision decision = DecideStart(start, output);
    rules_.revision = decision.revision;
    story_.protection = decision.protection;
    if (!decision.starts) {
      if (json_) output.out() << Refusal(decision.why_not).dump(2) << '\n';
      return Exit::kBadNews;
    }
    if (auto status = RunAttempts(std::move(decision), output); !status) {
      return tl::make_unexpected(status.error());
    }
    Tell(output);
    return EndAsTheCommandDid(output);
  }

 private:
  Status ReadAllowances() {
    for (const std::string_view what : Split(allow_, ',')) {
      if (what.empty()) continue;
      if (what == "batch") {
        rules_.allow.batch = true;
      } else if (what == "fp8") {
        rules_.allow.fp8 = true;
      } else if (what == "metrics") {
        rules_.allow.metrics = true;
      } else if (what == "sequence") {
        rules_.allow.sequence = true;
      } else {
        return UsageError(
            fmt::format("--allow knows batch, fp8, metrics and sequence, not '{}'", what));
      }
    }
    rules_.gpu = arguments_.gpu;
    rules_.may_resume = !no_resume_;
    return {};
  }

  Status RunAttempts(StartDecision decision, Output& output) {
    NextAttempt next;
    next.text = next.base = std::move(decision.text);
    next.forecasts = std::move(decision.forecasts);
    for (bool waited = false;;) {
      Attempt attempt;
      attempt.text = next.text;
      attempt.base = next.base;
      attempt.waited = waited;
      attempt.forecasts = std::move(next.forecasts);
      story_.attempts.push_back(std::move(attempt));
      if (auto status = RunOnce(&story_.attempts.back(), output); !status) return status;
      Attempt& last = story_.attempts.back();
      if (last.outcome == Outcome::kFinished || last.outcome == Outcome::kInterrupted) return {};
      if (last.outcome == Outcome::kFailed && story_.attempts.size() == 1) return {};
      last.lost = last.seconds();
      next = {};
      next.why_not = WhyNot(last);
      if (next.why_not.empty()) next = PlanNext(story_.attempts, rules_);
      waited = next.wait_for.has_value();
      if (!next.text.empty() && waited) {
        const Status room = WaitForRoom(*next.wait_for, std::chrono::seconds(wait_), output);
        if (!room) next = {.why_not = room.error().message};
      }
      if (next.text.empty()) {
        story_.why_no_more = next.why_not;
        output.Note(fmt::format("{}; no further attempt: {}", Clause(last.summary), next.why_not));
        return {};
      }
      if (next.saved_at) {
        last.lost = std::clamp(last.began + last.seconds() - *next.saved_at, 0.0, last.seconds());
      }
      last.changes = next.changes;
      last.changed_batch = next.changed_batch;
      Announce(last, output);
    }
  }

  // Why nothing is tried whatever the cause; empty: something may be.
  std::string WhyNot(const Attempt& last) const {
    if (last.outcome == Outcome::kHostMemory) {
      return "the computer's own memory is what was missing, and no change of the GPU's batch "
             "gives it back; fewer data loader workers or less pinned memory do";
    }
    if (last.outcome == Outcome::kFailed) return "it did not die for want of memory";
    if (inner_) return "a vramcast run inside the command has tried what could be tried";
    if (story_.attempts.size() > static_cast<size_t>(retries_)) {
      return retries_ == 0 ? std::string("--retries is 0")
                           : fmt::format("{} attempts were made (--retries {})",
                                         story_.attempts.size(), retries_);
    }
    return "";
  }

  void Announce(const Attempt& last, Output& output) const {
    output.Note(last.summary);
    for (const std::string& change : last.changes) output.Note("  " + change);
    output.Note(fmt::format("attempt {} of {}", story_.attempts.size() + 1, retries_ + 1));
  }

  Status RunOnce(Attempt* attempt, Output& output) {
    auto startable = Startable::Of(asked_, attempt->text);
    if (!startable) return tl::make_unexpected(startable.error());
    attempt->command = asked_.script.empty() ? attempt->text : command::QuoteCommand(asked_.argv);
    attempt->began = Now();
    if (story_.attempts.size() == 1) {
      const auto began = static_cast<std::time_t>(attempt->began);
      stamp_ = fmt::format("{:%Y%m%d-%H%M%S}", fmt::localtime(began));
    }
    const std::string snapshots =
        fmt::format("{}/{}-attempt{}", snapshots_, stamp_, story_.attempts.size());
    auto module = supervise::StartupModule::Write(snapshots, !no_record_);
    if (!module) Remark(module.error().message + "; nothing is recorded inside Python", output);
    std::optional<HistoryRecorder> history;
    if (!no_history_) {
      history.emplace(history_, output);
      history->Begin({.kind = store::RunKind::kRun,
                      .command = attempt->command,
                      .began = attempt->began,
                      .attempt = static_cast<int64_t>(story_.attempts.size())});
    }
    monitor::AllocatorNumbers numbers;
    RunWatch watch({.records = module ? module->records() : "",
                    .stall = std::chrono::seconds(stall_),
                    .on_sample = [&history, &numbers](const gpu::Machine& machine) {
                      if (!history) return;
                      monitor::Sample sample = monitor::FromMachine(machine, Now());
                      numbers.Fill(&sample);
                      history->Add(sample);
                    }});
    supervise::ChildOptions options{.argv = startable->argv(),
                                    .output_to_stderr = json_,
                                    .grace = std::chrono::seconds(grace_),
                                    .pulse = [&](const auto& pulse) { return watch.Pulse(pulse); }};
    if (module) options.environment = module->environment();
    if (module) options.scratch.push_back(module->folder());
    if (!startable->copy().empty()) options.scratch.push_back(startable->copy());
    const auto kills = supervise::HostKills();
    auto ended = supervise::RunChild(options, [&](std::string_view bytes) { watch.Output(bytes); });
    if (!ended) {
      if (history) history->End({.outcome = std::string(OutcomeName(Outcome::kFailed))});
      return tl::make_unexpected(ended.error());
    }
    attempt->ended = *ended;
    attempt->stalled = watch.stalled();
    attempt->device_peak = watch.device_peak();
    attempt->snapshots = SnapshotsIn(snapshots);
    if (module) {
      attempt->records = supervise::ReadRecords(module->records());
      inner_ = inner_ || fs::exists(module->folder() + kInnerMark);
    }
    const auto kills_after = supervise::HostKills();
    diagnosis::Hints hints{.command = startable->argv(), .card = {}, .revision = {}};
    if (const auto card = gpu::FindCard(arguments_.gpu)) hints.card = card->card;
    Judge(watch.TakeLog(), hints, kills_after.value_or(0) - kills.value_or(0), attempt);
    if (history) history->End(HistoryEnd(*attempt));
    if (ended->dropped > 0) {
      Remark(fmt::format("{} of the output could not be written: {}",
                         FormatBytes(Bytes(static_cast<int64_t>(ended->dropped))),
                         strerror(ended->why_dropped)),
             output);
    }
    if (ended->forced) {
      Remark(fmt::format("the command did not end within {} s of being asked to, and was killed",
                         grace_),
             output);
    }
    return {};
  }

  static store::RunEnd HistoryEnd(const Attempt& attempt) {
    store::RunEnd end;
    end.exit_code = attempt.ended.code;
    end.outcome = OutcomeName(attempt.outcome);
    end.peak_allocated = attempt.printed_peak;
    for (const supervise::ProcessRecord& process : attempt.records.processes) {
      end.peak_allocated = std::max(end.peak_allocated.value_or(Bytes(0)), process.peak_allocated);
      end.peak_reserved = std::max(end.peak_reserved.value_or(Bytes(0)), process.peak_reserved);
    }
    return end;
  }

  void Remark(std::string text, Output& output) {
    output.Note(text);
    story_.notes.push_back(std::move(text));
  }

  static std::string Clause(std::string sentence) {
    while (sentence.ends_with('.')) sentence.pop_back();
    return sentence;
  }

  static nlohmann::json Refusal(const std::string& why) {
    return {{"schema", "vramcast.run"}, {"version", 1},   {"started", false},
            {"exit_code", 1},           {"why_not", why}, {"attempts", nlohmann::json::array()}};
  }

  void Tell(Output& output) {
    if (!asked_.script.empty() && story_.attempts.back().text != asked_.text) {
      story_.difference = command::Difference(asked_.text, story_.attempts.back().text,
                                              asked_.script, asked_.script + " as it was run");
    }
    if (json_) {
      nlohmann::json report = ToJson(story_);
      report["started"] = true;
      output.out() << report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    } else if (IsWorthTelling(story_)) {
      output.err() << '\n' << RenderText(Describe(story_), {});
    }
    if (report_.empty()) return;
    std::ofstream file(report_, std::ios::binary);
    file << RenderHtml(Describe(story_), "vramcast run: " + story_.attempts.front().command);
    file.close();
    if (!file) output.Note(fmt::format("the report could not be written to {}", report_));
  }

  // A shell must see that its job was ended by a signal, or it would go on with its script.
  Exit EndAsTheCommandDid(Output& output) const {
    const supervise::Ended& ended = story_.attempts.back().ended;
    const bool by_person =
        ended.interrupted && !ended.forced &&
        (ended.signal == SIGINT || ended.signal == SIGTERM || ended.signal == SIGHUP);
    if (by_person) {
      output.out().flush();
      output.err().flush();
      ::signal(ended.signal, SIG_DFL);
      raise(ended.signal);
    }
    return static_cast<Exit>(ended.code);
  }

  FixArguments arguments_;
  Asked asked_;
  RunRules rules_{.revision = nanochat::HeadRevision(), .gpu = ""};
  RunStory story_;
  std::string stamp_;   // of the first attempt, in the names of folders
  bool inner_ = false;  // the command itself contains a vramcast run
  std::string snapshots_ = "vramcast-snapshots";
  std::string report_, history_, allow_;
  int retries_ = 2, grace_ = 30, wait_ = 600, stall_ = 120;
  bool no_history_ = false;
  bool no_record_ = false, no_resume_ = false, force_ = false, protect_ = false;
  bool json_ = false, explain_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeRunVerb() { return std::make_unique<RunVerb>(); }

}  // namespace vramcast::cli
