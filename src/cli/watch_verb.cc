// `vramcast watch`: samples the GPUs at an interval, shows what happens, and says whether memory
// grows, when it would run out, and which phase ahead will not fit.
#include <fmt/format.h>
#include <signal.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <sstream>

#include "cli/flag_table.h"
#include "cli/terminal_screen.h"
#include "cli/verbs.h"
#include "cli/wake.h"
#include "cli/watch_loop.h"
#include "cli/watch_records.h"
#include "cli/watch_source.h"
#include "cli/watch_summary.h"
#include "cli/watch_view.h"
#include "cli/watched_run.h"
#include "command/quote.h"
#include "monitor/json.h"

namespace vramcast::cli {
namespace {

class WatchVerb : public Verb {
 public:
  std::string_view name() const override { return "watch"; }
  std::string_view description() const override {
    return "follow the GPUs: does memory grow, and when would it run out";
  }

  void Declare(FlagTable& flags) override {
    flags.Value("--interval", interval_, "seconds between samples (default 1)");
    flags.Value("--count", count_, "stop after this many samples");
    flags.Switch("--once", once_, "one look, then stop");
    flags.Switch("--plain", plain_, "lines of text (the default where there is no terminal)");
    flags.Switch("--json", json_, "one JSON object a line, a summary last");
    flags.Value("--attach", attach_, "the GPUs of this process and what it started");
    flags.Value("--log", log_, "the run's log, or its .wandb file: which step it is at");
    flags.Value("--source", file_, "read a series that watch --json printed; - is standard input");
    flags.Value("--gpu-source", source_, "auto, nvml, nvidia-smi or demo");
    flags.Value("--revision", run_.revision, "of nanochat, for the phases ahead");
    flags.Value("--nanochat", run_.checkout, "a checkout, whose revision counts");
    flags.Switch("--explain", explain_, "say how growth and phases are judged");
    records_.Declare(flags);
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (auto usage = CheckUsage(); !usage) return tl::make_unexpected(usage.error());
    run_.command = command;
    const Wake wake({SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT});
    if (auto opened = Open(wake); !opened) return tl::make_unexpected(opened.error());
    auto run =
        WatchedRun::Make(run_, steps_ ? &*steps_ : nullptr, attached_ ? &*attached_ : nullptr);
    if (!run) return tl::make_unexpected(run.error());
    std::unique_ptr<WatchView> view = MakeView(output);
    // Remarks go through the view: on a full screen a line of text would be in the way.
    std::ostringstream remarks;
    Output aside(output.out(), remarks, {});
    if (auto opened = OpenRecords(aside); !opened) return tl::make_unexpected(opened.error());
    WatchLoop loop({.source = input_.get(),
                    .view = view.get(),
                    .run = &*run,
                    .log = steps_ ? &*steps_ : nullptr,
                    .attached = attached_ ? &*attached_ : nullptr,
                    .records = &records_,
                    .remarks = &remarks,
                    .wake = &wake,
                    .out = &output.out()},
                   interval_, once_ ? std::optional<int64_t>(1) : count_);
    const Status watched = loop.Run();
    view.reset();  // gives the terminal back
    Result<Exit> exit = watched ? Finish(loop, *run, output) : tl::make_unexpected(watched.error());
    if (exit) records_.End(static_cast<int64_t>(*exit));
    output.err() << remarks.str();
    return exit;
  }

 private:
  Status CheckUsage() const {
    if (plain_ && json_) return UsageError("--plain and --json exclude each other");
    if (!(interval_ >= 0 && interval_ <= 86400)) {
      return UsageError("--interval is a number of seconds from 0 to 86400");
    }
    if (count_ && *count_ < 1) return UsageError("--count is at least 1");
    if (!file_.empty() && !source_.empty()) {
      return UsageError("--source and --gpu-source exclude each other");
    }
    if (!file_.empty() && attach_) return UsageError("--source and --attach exclude each other");
    if (attach_ && *attach_ < 1) return UsageError("--attach takes the number of a process");
    return {};
  }

  Status OpenRecords(Output& aside) {
    const bool real = input_->is_live() && input_->name() != "demo" && !once_;
    std::string command = "vramcast watch";
    if (!run_.command.empty()) command += " -- " + command::QuoteCommand(run_.command);
    return records_.Open(real, command, aside);
  }

  Status Open(const Wake& wake) {
    const auto source = gpu::SourceFromName(source_.empty() ? "auto" : source_);
    if (!source) {
      return UsageError(
          fmt::format("--gpu-source is auto, nvml, nvidia-smi or demo, not '{}'", source_));
    }
    if (attach_) {
      auto attached = monitor::Attached::To(*attach_);
      if (!attached) return tl::make_unexpected(attached.error());
      attached_.emplace(*std::move(attached));
    }
    if (!log_.empty()) {
      steps_.emplace(log_);
      if (auto read = steps_->Poll(); !read) return read;
    }
    // The demo's clock goes on by a second at least, however fast it is asked.
    auto input = file_.empty() ? OpenLiveSource(*source, interval_ > 0 ? interval_ : 1, &wake)
                               : OpenRecordedSource(file_);
    if (!input) {
      Error error = input.error();
      if (error.kind == ErrorKind::kMachine) {
        error.message += "; vramcast watch --gpu-source demo shows a made-up machine";
      }
      return tl::make_unexpected(std::move(error));
    }
    input_ = *std::move(input);
    return {};
  }

  std::unique_ptr<WatchView> MakeView(Output& output) const {
    if (json_) return MakeJsonView(output, input_->is_live());
    if (once_) return MakeQuietView(output);
    if (!plain_ && input_->is_live()) {
      std::string why_not;
      auto screen = TerminalScreen::Open(&why_not);
      if (screen) {
        const std::string name = attach_ ? fmt::format("process {}", *attach_) : SourceTitle();
        return MakeScreenView(std::move(screen), name, interval_);
      }
    }
    return MakePlainView(output);
  }

  std::string SourceTitle() const {
    const std::string name = input_->name();
    return name == "demo" ? "made-up machine" : name == "driver" ? "" : name;
  }

  Result<Exit> Finish(const WatchLoop& loop, const WatchedRun& run, Output& output) const {
    const monitor::Report& report = loop.report();
    if (loop.samples() == 0) {
      if (input_->is_live()) return Exit::kYes;  // stopped at once
      return UnreadableError(fmt::format("no sample in {}: {} lines are no JSON of watch --json",
                                         input_->name(), input_->skipped()));
    }
    std::vector<std::string> notes = run.Notes(report);
    if (steps_) {
      for (std::string& note : steps_->Notes()) notes.push_back(std::move(note));
      if (!input_->is_live() && !steps_->has_times() && !report.step) {
        notes.push_back(fmt::format(
            "{} does not say when its steps were made, so the samples cannot be placed among them",
            log_));
      }
    }
    if (attached_ && !loop.saw_attached()) {
      notes.push_back(fmt::format("process {} was not seen to hold GPU memory", *attach_));
    }
    // Where writing failed it is tried again, to learn why.
    output.out().clear();
    errno = 0;
    if (json_) {
      nlohmann::json summary = ToJson(report, "summary");
      summary["samples"] = loop.samples();
      summary["skipped_lines"] = input_->skipped();
      summary["will_fail"] = report.will_fail();
      summary["notes"] = notes;
      if (!loop.ended().empty()) summary["ended"] = loop.ended();
      if (!run.command().empty()) summary["command"] = run.command();
      if (!once_) output.out() << JsonLine(summary);
    } else {
      output.Print(DescribeWatch({.report = &report,
                                  .samples = loop.samples(),
                                  .skipped = input_->skipped(),
                                  .command = run.command(),
                                  .ended = loop.ended(),
                                  .notes = std::move(notes),
                                  .explain = explain_}));
    }
    output.out().flush();
    if (!output.out() && errno != EPIPE && errno != 0) {
      return MachineError(fmt::format("the output cannot be written: {}", std::strerror(errno)));
    }
    return report.leaking() || report.will_fail() ? Exit::kBadNews : Exit::kYes;
  }

  double interval_ = 1;
  std::optional<int64_t> count_, attach_;
  bool once_ = false, plain_ = false, json_ = false, explain_ = false;
  std::string file_, source_, log_;
  WatchedRunOptions run_;
  WatchRecords records_;
  std::unique_ptr<WatchSource> input_;
  std::optional<monitor::StepSource> steps_;
  std::optional<monitor::Attached> attached_;
};

}  // namespace

std::unique_ptr<Verb> MakeWatchVerb() { return std::make_unique<WatchVerb>(); }

}  // namespace vramcast::cli
