#include <fmt/format.h>
#include <signal.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "cli/wake.h"
#include "cli/watch_view.h"
#include "cli/watch_words.h"
#include "monitor/json_line.h"

namespace vramcast::cli {
namespace {

using monitor::GpuReport;
using monitor::Report;

std::string PlainLine(const GpuReport& gpu, const Report& report) {
  std::string line = fmt::format("{}  GPU {}  {:>10}", ClockText(report.time), gpu.sample.index,
                                 FormatBytes(gpu.sample.used));
  if (gpu.sample.capacity && gpu.sample.capacity->count() > 0) {
    line += fmt::format(" of {} ({:.0f} %)", FormatBytes(*gpu.sample.capacity),
                        100 * UsedFraction(gpu.sample));
  }
  if (report.step) line += fmt::format("  step {}", *report.step);
  return line + "  " + VerdictText(gpu, report) + GrowerText(gpu);
}

// Prints a line for a GPU only when there is something to say: the verdict changed, the memory
// moved by a hundredth of the card, or a while has passed.
class PlainView : public WatchView {
 public:
  explicit PlainView(Output& output) : output_(output) {}

  void Show(const Report& report) override {
    for (const GpuReport& gpu : report.gpus) {
      Said& said = said_[gpu.sample.id];
      ShowAhead(gpu, report, &said);
      const double moved = std::fabs(static_cast<double>((gpu.sample.used - said.used).count()));
      const double card = static_cast<double>(gpu.sample.capacity.value_or(gpu.peak).count());
      const bool changed = !said.once || gpu.growth.kind != said.kind ||
                           gpu.growth.certain != said.certain || moved > card / 100 ||
                           gpu.other_grows != said.other_grows;
      if (!changed && report.time - said.time < kAWhile) continue;
      said.once = true;
      said.time = report.time;
      said.used = gpu.sample.used;
      said.kind = gpu.growth.kind;
      said.certain = gpu.growth.certain;
      said.other_grows = gpu.other_grows;
      output_.out() << PlainLine(gpu, report) << '\n';
    }
    output_.out().flush();
  }
  void Note(const std::string& note) override {
    if (noted_.insert(note).second) output_.Note(note);
  }
  void Stalled(std::optional<double> seconds) override {
    if (seconds && !stalled_) output_.Note("the driver does not answer");
    if (!seconds && stalled_) output_.Note("the driver answers again");
    stalled_ = seconds.has_value();
  }

 private:
  static constexpr double kAWhile = 60;  // seconds
  struct Said {
    bool once = false;
    double time = 0;
    Bytes used;
    monitor::GrowthKind kind = monitor::GrowthKind::kTooEarly;
    bool certain = false;
    std::optional<bool> other_grows;
    std::map<Phase, monitor::PhaseVerdict> ahead;
  };

  // A phase is told when its verdict is new, and that it fits only where that was in doubt.
  void ShowAhead(const GpuReport& gpu, const Report& report, Said* said) {
    for (const monitor::UpcomingPhase& phase : gpu.ahead) {
      const auto known = said->ahead.find(phase.phase);
      const auto before = known == said->ahead.end() ? monitor::PhaseVerdict::kFits : known->second;
      said->ahead[phase.phase] = phase.verdict;
      if (phase.verdict == before) continue;
      output_.out() << fmt::format("{}  GPU {}  {}\n", ClockText(report.time), gpu.sample.index,
                                   AheadText(phase, report));
    }
  }

  Output& output_;
  std::map<std::string, Said> said_;
  std::set<std::string> noted_;
  bool stalled_ = false;
};

class QuietView : public WatchView {
 public:
  explicit QuietView(Output& output) : output_(output) {}
  void Show(const Report&) override {}
  void Note(const std::string& note) override {
    if (noted_.insert(note).second) output_.Note(note);
  }

 private:
  Output& output_;
  std::set<std::string> noted_;
};

class JsonView : public WatchView {
 public:
  JsonView(Output& output, bool flush) : output_(output), flush_(flush) {}

  void Show(const Report& report) override {
    monitor::WriteJsonLine(report, &line_);
    output_.out().write(line_.data(), static_cast<std::streamsize>(line_.size()));
    if (flush_) output_.out().flush();
  }
  void Note(const std::string& note) override {
    if (!noted_.insert(note).second) return;
    output_.out() << JsonLine(
        {{"schema", "vramcast.watch"}, {"version", 1}, {"type", "note"}, {"text", note}});
    if (flush_) output_.out().flush();
  }
  void Stalled(std::optional<double> seconds) override {
    if (seconds && !stalled_) output_.Note("the driver does not answer");
    stalled_ = seconds.has_value();
  }

 private:
  Output& output_;
  bool flush_;
  bool stalled_ = false;
  std::string line_;
  std::set<std::string> noted_;
};

}  // namespace

bool WatchView::Attend() {
  if (Wake::Took(SIGTSTP)) raise(SIGSTOP);
  return true;
}

std::string JsonLine(const nlohmann::json& object) {
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::unique_ptr<WatchView> MakePlainView(Output& output) {
  return std::make_unique<PlainView>(output);
}
std::unique_ptr<WatchView> MakeJsonView(Output& output, bool flush) {
  return std::make_unique<JsonView>(output, flush);
}
std::unique_ptr<WatchView> MakeQuietView(Output& output) {
  return std::make_unique<QuietView>(output);
}

}  // namespace vramcast::cli
