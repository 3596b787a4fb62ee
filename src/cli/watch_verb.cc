// `vramcast watch`: samples the GPUs at an interval, prints calm lines, and says whether memory
// grows, by how much, and when it would run out.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <signal.h>
#include <time.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/flag_table.h"
#include "cli/gpu_text.h"
#include "cli/verbs.h"
#include "cli/watch_records.h"
#include "gpu/sampler.h"
#include "monitor/json.h"
#include "monitor/series.h"
#include "monitor/watcher.h"

namespace vramcast::cli {
namespace {

using monitor::GpuReport;
using monitor::Growth;
using monitor::GrowthKind;
using monitor::Report;
using monitor::Sample;

volatile sig_atomic_t stop_requested = 0;
void RequestStop(int) { stop_requested = 1; }

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string Clock(double time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:%H:%M:%S}", local);
}

// Where samples come from.
class Input {
 public:
  virtual ~Input() = default;
  // The next sample; nothing at the end.
  virtual Result<std::optional<Sample>> Next() = 0;
  virtual bool is_live() const { return true; }
  virtual int64_t skipped() const { return 0; }
};

class LiveInput : public Input {
 public:
  // `beat`: the made-up machine's seconds between samples; nothing: the clock's time.
  LiveInput(std::unique_ptr<gpu::Sampler> sampler, std::optional<double> beat)
      : sampler_(std::move(sampler)), beat_(beat), time_(Now()) {}
  Result<std::optional<Sample>> Next() override {
    Result<gpu::Machine> machine = sampler_->Sample();
    if (!machine) return tl::make_unexpected(machine.error());
    if (!beat_) return monitor::FromMachine(*machine, Now());
    time_ += *beat_;
    return monitor::FromMachine(*machine, time_);
  }

 private:
  std::unique_ptr<gpu::Sampler> sampler_;
  std::optional<double> beat_;
  double time_;
};

class RecordedInput : public Input {
 public:
  explicit RecordedInput(std::istream& input) : reader_(input) {}
  explicit RecordedInput(std::unique_ptr<std::ifstream> file)
      : file_(std::move(file)), reader_(*file_) {}
  Result<std::optional<Sample>> Next() override { return reader_.Next(); }
  bool is_live() const override { return false; }
  int64_t skipped() const override { return reader_.skipped(); }

 private:
  std::unique_ptr<std::ifstream> file_;
  monitor::SeriesReader reader_;
};

std::string Per(double bytes_per_second, const Report& report) {
  if (report.steps_per_second) {
    return FormatBytes(Bytes(std::llround(bytes_per_second / *report.steps_per_second))) +
           " per step";
  }
  const double per_minute = bytes_per_second * 60;
  if (per_minute >= 1 << 20) {
    return FormatBytes(Bytes(std::llround(per_minute))) + " per minute";
  }
  return FormatBytes(Bytes(std::llround(bytes_per_second * 3600))) + " per hour";
}

std::string TimeLeft(const Growth& growth, const Report& report) {
  if (!growth.seconds_left) return "";
  const monitor::Interval& left = *growth.seconds_left;
  std::string text = std::isfinite(left.high)
                         ? fmt::format("full in about {} ({} to {})", FormatSeconds(left.value),
                                       FormatSeconds(left.low), FormatSeconds(left.high))
                         : fmt::format("full in {} at the earliest", FormatSeconds(left.low));
  if (report.steps_per_second) {
    text += fmt::format(", {:.0f} steps", std::floor(left.value * *report.steps_per_second));
  }
  return text;
}

std::string VerdictWords(const GpuReport& gpu, const Report& report) {
  const Growth& growth = gpu.growth;
  switch (growth.kind) {
    case GrowthKind::kTooEarly:
      return "too early to tell";
    case GrowthKind::kSteady:
      return "steady";
    case GrowthKind::kJumped:
      return fmt::format("steady since a jump of {}", FormatBytes(*growth.jump));
    case GrowthKind::kGrowing:
      break;
  }
  std::string text = fmt::format("grows {}", Per(growth.bytes_per_second->value, report));
  if (const std::string left = TimeLeft(growth, report); !left.empty()) text += ", " + left;
  return text;
}

std::string PlainLine(const GpuReport& gpu, const Report& report) {
  std::string line = fmt::format("{}  GPU {}  {:>10}", Clock(report.time), gpu.sample.index,
                                 FormatBytes(gpu.sample.used));
  if (gpu.sample.capacity && gpu.sample.capacity->count() > 0) {
    line += fmt::format(" of {} ({:.0f} %)", FormatBytes(*gpu.sample.capacity),
                        100.0 * static_cast<double>(gpu.sample.used.count()) /
                            static_cast<double>(gpu.sample.capacity->count()));
  }
  return line + "  " + VerdictWords(gpu, report);
}

// Prints a line for a GPU only when there is something to say: the verdict changed, the memory
// moved by a hundredth of the card, or a while has passed.
class CalmLines {
 public:
  void Print(const Report& report, Output& output) {
    for (const GpuReport& gpu : report.gpus) {
      Said& said = said_[gpu.sample.id];
      const double moved = std::fabs(static_cast<double>((gpu.sample.used - said.used).count()));
      const double card = static_cast<double>(gpu.sample.capacity.value_or(gpu.peak).count());
      const bool changed = !said.once || gpu.growth.kind != said.kind ||
                           gpu.growth.certain != said.certain || moved > card / 100;
      if (!changed && report.time - said.time < kAWhile) continue;
      said = {.once = true,
              .time = report.time,
              .used = gpu.sample.used,
              .kind = gpu.growth.kind,
              .certain = gpu.growth.certain};
      output.out() << PlainLine(gpu, report) << '\n';
    }
    output.out().flush();
  }

 private:
  static constexpr double kAWhile = 60;  // seconds
  struct Said {
    bool once = false;
    double time = 0;
    Bytes used;
    GrowthKind kind = GrowthKind::kTooEarly;
    bool certain = false;
  };
  std::map<std::string, Said> said_;
};

std::string ProcessName(const monitor::ProcessReport& process) {
  return fmt::format("process {}{}", process.sample.pid,
                     process.sample.name ? " (" + *process.sample.name + ")" : "");
}

void AddGrowth(const GpuReport& gpu, const Report& report, Document* document) {
  const Growth& growth = gpu.growth;
  document->Add(Bullet{
      fmt::format("GPU {} ({}): {} now, {} at most; {}.", gpu.sample.index, gpu.sample.name,
                  FormatBytes(gpu.sample.used), FormatBytes(gpu.peak), VerdictWords(gpu, report)),
      growth.certain ? Tone::kBad : Tone::kPlain});
  if (growth.kind != GrowthKind::kGrowing) return;
  document->Add(Bullet{fmt::format(
      "{} in {} rises over {}{}.", FormatBytes(growth.grown), growth.rises,
      FormatSeconds(growth.seconds),
      growth.certain ? "" : "; not long enough to rule out a load that is still building up")});
  if (gpu.grower) {
    const monitor::ProcessReport& process = gpu.processes[*gpu.grower];
    document->Add(Paragraph{fmt::format("  It is {} that grows: {} now, {}.", ProcessName(process),
                                        FormatBytes(*process.sample.used),
                                        Per(process.growth.bytes_per_second->value, report))});
  }
}

void AddMethod(Document* document) {
  document->Add(Title{"How this is judged"});
  for (const std::string_view line : monitor::GrowthMethod()) {
    document->Add(Bullet{std::string(line)});
  }
}

class WatchVerb : public Verb {
 public:
  std::string_view name() const override { return "watch"; }
  std::string_view description() const override {
    return "follow the GPUs: does memory grow, and when would it run out";
  }

  void Declare(FlagTable& app) override {
    app.add_option("--interval", interval_, "seconds between samples (default 1)");
    app.add_option("--count", count_, "stop after this many samples");
    app.add_flag("--once", once_, "one look, then stop");
    app.add_flag("--plain", plain_, "lines of text (the default)");
    app.add_flag("--json", json_, "one JSON object a line, a summary last");
    app.add_option("--source", file_,
                   "read a series that watch --json printed; - is standard input");
    app.add_option("--gpu-source", source_, "auto, nvml, nvidia-smi or demo");
    app.add_flag("--explain", explain_, "say how growth is judged");
    records_.Declare(app);
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (!command.empty()) return UsageError("watch takes no command after --");
    if (plain_ && json_) return UsageError("--plain and --json exclude each other");
    if (!(interval_ >= 0 && interval_ <= 86400)) {
      return UsageError("--interval is a number of seconds from 0 to 86400");
    }
    if (count_ && *count_ < 1) return UsageError("--count is at least 1");
    Result<std::unique_ptr<Input>> input = Open();
    if (!input) return tl::make_unexpected(input.error());
    const bool real = (*input)->is_live() && source_ != "demo" && !once_;
    if (auto opened = records_.Open(real, "vramcast watch", output); !opened) {
      return tl::make_unexpected(opened.error());
    }
    return Follow(**input, output);
  }

 private:
  Result<std::unique_ptr<Input>> Open() const {
    if (!file_.empty()) {
      if (!source_.empty()) return UsageError("--source and --gpu-source exclude each other");
      if (file_ == "-") return std::make_unique<RecordedInput>(std::cin);
      auto file = std::make_unique<std::ifstream>(file_, std::ios::binary);
      if (!*file || file->peek() == std::ifstream::traits_type::eof()) {
        return UnreadableError(fmt::format("{} cannot be read or is empty", file_));
      }
      return std::make_unique<RecordedInput>(std::move(file));
    }
    const auto source = gpu::SourceFromName(source_.empty() ? "auto" : source_);
    if (!source) {
      return UsageError(
          fmt::format("unknown --gpu-source '{}': auto, nvml, nvidia-smi or demo", source_));
    }
    auto sampler = gpu::OpenSampler(*source);
    if (!sampler) {
      return MachineError(sampler.error().message +
                          "; vramcast watch --gpu-source demo shows a made-up machine");
    }
    // Without a wait the demo's samples are still a second apart, so that its rates make sense.
    const bool made_up = source == gpu::Source::kDemo && interval_ == 0;
    return std::make_unique<LiveInput>(*std::move(sampler),
                                       made_up ? std::optional(1.0) : std::nullopt);
  }

  Result<Exit> Follow(Input& input, Output& output) {
    const bool waits = input.is_live() && interval_ > 0;
    struct sigaction action {};
    action.sa_handler = RequestStop;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    monitor::Watcher watcher;
    CalmLines lines;
    timespec next{};
    clock_gettime(CLOCK_MONOTONIC, &next);
    const std::optional<int64_t> most = once_ ? std::optional<int64_t>(1) : count_;
    while (stop_requested == 0 && (!most || watcher.samples() < *most)) {
      if (waits && watcher.samples() > 0 && !WaitUntil(&next)) break;
      Result<std::optional<Sample>> sample = input.Next();
      if (!sample) return tl::make_unexpected(sample.error());
      if (!*sample) break;
      watcher.Add(**sample);
      const Report report = watcher.Now();
      records_.Take(report);
      if (!output.out()) break;  // nobody reads any more
      if (json_) {
        output.out() << Line(ToJson(report, "sample"));
        if (input.is_live()) output.out().flush();
      } else if (!once_) {
        lines.Print(report, output);
      }
    }
    if (watcher.samples() == 0) {
      if (input.is_live()) return Exit::kYes;  // stopped at once
      return UnreadableError(fmt::format("no sample in {}: {} lines are no JSON of watch --json",
                                         file_, input.skipped()));
    }
    return Finish(watcher, input.skipped(), output);
  }

  Result<Exit> Finish(const monitor::Watcher& watcher, int64_t skipped, Output& output) {
    const Report report = watcher.Now();
    if (json_) {
      nlohmann::json summary = ToJson(report, "summary");
      summary["samples"] = watcher.samples();
      summary["skipped_lines"] = skipped;
      if (!once_) output.out() << Line(summary);
    } else {
      Document document;
      document.Add(Title{
          fmt::format("After {} sample{}", watcher.samples(), watcher.samples() == 1 ? "" : "s")});
      for (const GpuReport& gpu : report.gpus) AddGrowth(gpu, report, &document);
      if (report.gpus.empty()) {
        document.Add(Paragraph{"The driver tells no GPU's used memory.", Tone::kWarning});
      }
      if (skipped > 0) {
        document.Add(
            Paragraph{fmt::format("{} lines were no samples and were passed over.", skipped),
                      Tone::kWarning});
      }
      if (explain_) AddMethod(&document);
      output.Print(document);
    }
    const Exit exit = report.leaking() ? Exit::kBadNews : Exit::kYes;
    records_.End(static_cast<int64_t>(exit));
    return exit;
  }

  static std::string Line(const nlohmann::json& object) {
    return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }

  // Sleeps to the next beat; beats that were missed (the machine slept) are left out. False: stop.
  bool WaitUntil(timespec* next) const {
    constexpr int64_t kSecond = 1'000'000'000;
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const auto step = static_cast<int64_t>(interval_ * static_cast<double>(kSecond));
    int64_t at = next->tv_sec * kSecond + next->tv_nsec + step;
    at = std::max(at, now.tv_sec * kSecond + now.tv_nsec);
    *next = {.tv_sec = at / kSecond, .tv_nsec = at % kSecond};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, nullptr);
    return stop_requested == 0;
  }

  double interval_ = 1;
  std::optional<int64_t> count_;
  bool once_ = false, plain_ = false, json_ = false, explain_ = false;
  std::string file_, source_;
  WatchRecords records_;
};

}  // namespace

std::unique_ptr<Verb> MakeWatchVerb() { return std::make_unique<WatchVerb>(); }

}  // namespace vramcast::cli
