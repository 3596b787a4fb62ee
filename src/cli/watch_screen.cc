#include "cli/watch_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/gpu_text.h"
#include "cli/watch_ahead.h"
#include "cli/watch_processes.h"
#include "cli/watch_words.h"

namespace vramcast::cli {
namespace {

using monitor::GpuReport;
using monitor::GrowthKind;
using monitor::PhaseVerdict;

constexpr int kLeft = 1;       // column where everything begins
constexpr int kMostWide = 50;  // a bar is no longer than that: length alone tells nothing

Ink InkOf(const GpuReport& gpu) {
  if (gpu.growth.certain) return Ink::kBad;
  return gpu.growth.kind == GrowthKind::kGrowing ? Ink::kWarning : Ink::kPlain;
}

std::string Facts(const GpuReport& gpu) {
  std::string text;
  if (gpu.sample.utilisation) text = fmt::format("{} % busy", *gpu.sample.utilisation);
  if (gpu.sample.temperature) {
    text += fmt::format("{}{} °C", text.empty() ? "" : "  ", *gpu.sample.temperature);
  }
  return text;
}

// The past in at most `columns` columns, each the highest of its samples, between the lowest and
// the highest. What moves by less than a tenth of the card looks flat.
std::vector<double> Shape(const std::deque<WatchPast::Point>& past, int columns) {
  constexpr double kLeastSpan = 0.1;
  if (columns <= 0 || past.empty()) return {};
  const auto width = static_cast<size_t>(columns);
  const size_t group = (past.size() + width - 1) / width;
  std::vector<double> shape;
  // Groups are counted from the newest sample.
  const size_t odd = past.size() % group;
  for (size_t i = 0; i < past.size();) {
    const size_t end = std::min(past.size(), i + (i == 0 && odd > 0 ? odd : group));
    double highest = 0;
    for (; i < end; ++i) highest = std::max(highest, past[i].fraction);
    shape.push_back(highest);
  }
  const auto [low, high] = std::minmax_element(shape.begin(), shape.end());
  const double span = std::max(*high - *low, kLeastSpan);
  const double bottom = std::max(*high - span, 0.0);
  for (double& value : shape) value = (value - bottom) / span;
  return shape;
}

class Drawing {
 public:
  Drawing(const WatchState& state, int columns, int rows, bool ascii)
      : state_(state), grid_(columns, rows, ascii), end_(rows - 2) {}

  ScreenGrid Draw() {
    Head();
    Keys();
    if (state_.help) {
      Help();
    } else if (state_.report == nullptr) {
      grid_.Put(row_, kLeft, state_.stalled ? "the driver has not answered yet" : "one moment …",
                Ink::kDim);
    } else {
      Body();
    }
    return std::move(grid_);
  }

 private:
  int width() const { return grid_.columns() - 2 * kLeft; }
  int right() const { return grid_.columns() - kLeft; }

  void Head() {
    const int end = grid_.Put(0, kLeft, "vramcast watch", Ink::kStrong);
    std::string facts = state_.source;
    if (state_.interval > 0) facts += fmt::format(", every {:g} s", state_.interval);
    if (state_.report != nullptr) facts += "  " + ClockText(state_.report->time);
    if (end + 2 + WidthOf(facts) <= right()) grid_.PutRight(0, right(), facts, Ink::kDim);
    std::string status;
    if (state_.stalled) {
      status = fmt::format("the driver has not answered for {}", FormatSeconds(*state_.stalled));
    } else if (state_.paused) {
      status = "paused: still watching, not drawing";
    } else if (state_.report != nullptr) {
      status = StepText(*state_.report);
    }
    row_ = 1;
    if (!status.empty()) {
      grid_.Put(row_++, kLeft, status, state_.stalled ? Ink::kBad : Ink::kPlain, width());
    }
    if (grid_.rows() > 16) ++row_;
  }

  void Keys() {
    struct Key {
      const char* name;
      const char* does;
    };
    static constexpr std::array<Key, 4> kKeys = {Key{"q", "quit"}, Key{"space", "pause"},
                                                 Key{"tab", "next GPU"}, Key{"?", "help"}};
    int column = kLeft;
    for (const Key& key : kKeys) {
      column = grid_.Put(grid_.rows() - 1, column, key.name, Ink::kStrong);
      column = grid_.Put(grid_.rows() - 1, column + 1, key.does, Ink::kDim) + 3;
    }
  }

  void Help() {
    for (const char* line :
         {"q, Ctrl-C   ends the watch and says what it saw",
          "space       stops drawing; samples are still taken",
          "tab         shows one GPU after the other, then all of them again",
          "Ctrl-Z      puts the watch to sleep; fg brings it back", "",
          "The bar is the memory in use now; the line below it is the recent past,",
          "drawn between its lowest and its highest value.", "",
          "Growth is judged on the floor of that line: what comes back to it does",
          "not count. Yellow: it grows. Red: it grows and is not likely to stop, or",
          "a phase ahead will not fit.", "",
          "vramcast watch --plain prints lines, --json one JSON object a line;",
          "--explain says how growth and phases are judged."}) {
      if (row_ >= end_) return;
      grid_.Put(row_++, kLeft, line, Ink::kPlain, width());
    }
  }

  std::vector<const GpuReport*> Shown() const {
    std::vector<const GpuReport*> shown;
    const std::vector<GpuReport>& gpus = state_.report->gpus;
    for (size_t i = 0; i < gpus.size(); ++i) {
      if (!state_.focus || *state_.focus % gpus.size() == i) shown.push_back(&gpus[i]);
    }
    return shown;
  }

  void Body() {
    const std::vector<const GpuReport*> gpus = Shown();
    if (gpus.empty()) {
      grid_.Put(row_++, kLeft, "the driver tells no GPU's used memory", Ink::kWarning, width());
    }
    // Notes keep their place at the bottom.
    const int notes = std::min<int>(static_cast<int>(state_.notes.size()), 2);
    for (int i = 0; i < notes; ++i) {
      grid_.Put(end_ - notes + i, kLeft, state_.notes[static_cast<size_t>(i)], Ink::kWarning,
                width());
    }
    const int last = end_ - notes;
    Gpus(gpus, last);
    row_ = DrawAhead(gpus, *state_.report, row_, last, &grid_);
    row_ = DrawProcesses(gpus, *state_.report, row_, last, &grid_);
  }

  // As much room for each GPU as leaves some for what lies ahead and for processes.
  void Gpus(const std::vector<const GpuReport*>& gpus, int last) {
    constexpr int kWhole = 5;
    constexpr int kShort = 2;
    const int room = last - row_;
    const auto count = static_cast<int>(gpus.size());
    const int kept = std::min(room / 3, 8);
    int lines = 1;
    if (count * kShort <= room - kept) lines = kShort;
    if (count * kWhole <= room - kept) lines = kWhole;
    for (int i = 0; i < count; ++i) {
      const GpuReport& gpu = *gpus[static_cast<size_t>(i)];
      if (row_ + lines > last || (row_ + lines == last && i + 1 < count)) {
        grid_.Put(row_++, kLeft, fmt::format("… and {} more GPUs: tab shows them", count - i),
                  Ink::kDim, width());
        return;
      }
      if (lines == kWhole) {
        Whole(gpu);
      } else {
        Short(gpu, lines);
      }
    }
    if (lines != kWhole) ++row_;
  }

  void Whole(const GpuReport& gpu) {
    const std::string facts = Facts(gpu);
    grid_.PutRight(row_, right(), facts, Ink::kDim);
    const int end = grid_.Put(row_, kLeft, fmt::format("GPU {}", gpu.sample.index), Ink::kStrong);
    grid_.Put(row_, end + 2, gpu.sample.name, Ink::kPlain,
              std::max(0, right() - end - 4 - WidthOf(facts)));
    ++row_;
    const std::string used = fmt::format(
        "{}{}", UsedText(gpu.sample),
        gpu.sample.capacity ? fmt::format("  {:.0f} %", 100 * UsedFraction(gpu.sample)) : "");
    const int bar = std::clamp(width() - 2 - WidthOf(used), 0, width() >= 120 ? 100 : kMostWide);
    const Ink ink = InkOf(gpu) == Ink::kPlain ? Ink::kBar : InkOf(gpu);
    grid_.Bar(row_, kLeft, bar, UsedFraction(gpu.sample), ink);
    grid_.Put(row_, kLeft + bar + 2, used);
    ++row_;
    const auto& past = state_.past->of(gpu.sample.id);
    grid_.Sparkline(row_, kLeft, bar, Shape(past, bar), ink);
    if (past.size() > 1) {
      grid_.Put(row_, kLeft + bar + 2,
                "last " + FormatSeconds(past.back().time - past.front().time), Ink::kDim,
                std::max(0, right() - kLeft - bar - 2));
    }
    ++row_;
    Verdict(gpu, kLeft);
    row_ += 2;
  }

  void Short(const GpuReport& gpu, int lines) {
    const int bar = std::clamp(width() / 4, 8, 40);
    int column = grid_.Put(row_, kLeft, fmt::format("{:>2}", gpu.sample.index), Ink::kStrong) + 1;
    const Ink ink = InkOf(gpu) == Ink::kPlain ? Ink::kBar : InkOf(gpu);
    grid_.Bar(row_, column, bar, UsedFraction(gpu.sample), ink);
    column += bar + 1;
    column = grid_.Put(row_, column, UsedText(gpu.sample), Ink::kPlain, right() - column) + 2;
    if (lines == 1) {
      const bool grows = gpu.growth.kind == GrowthKind::kGrowing && gpu.growth.seconds_left;
      grid_.Put(
          row_++, column,
          grows ? "grows, full in " + FullInText(gpu.growth) : VerdictText(gpu, *state_.report),
          InkOf(gpu), std::max(0, right() - column));
      return;
    }
    const std::string facts = Facts(gpu);
    const int spark = right() - column - WidthOf(facts) - 2;
    if (spark >= 4) {
      const int points = std::min(spark, 60);
      grid_.Sparkline(row_, column, points, Shape(state_.past->of(gpu.sample.id), points), ink);
      grid_.PutRight(row_, right(), facts, Ink::kDim);
    }
    ++row_;
    Verdict(gpu, kLeft + 3);
    ++row_;
  }

  void Verdict(const GpuReport& gpu, int column) {
    const int room = right() - column;
    std::string text = VerdictText(gpu, *state_.report);
    if (WidthOf(text) > room) text = ShortVerdictText(gpu, *state_.report);
    const std::string by = GrowerText(gpu);
    if (WidthOf(text + by) <= room) text += by;
    grid_.Put(row_, column, text, InkOf(gpu), room);
  }

  const WatchState& state_;
  ScreenGrid grid_;
  int row_ = 0;
  int end_;  // the first row that is not the body's
};

}  // namespace

void WatchPast::Add(const monitor::Report& report) {
  for (const GpuReport& gpu : report.gpus) {
    std::deque<Point>& points = points_[gpu.sample.id];
    points.push_back({report.time, UsedFraction(gpu.sample)});
    if (points.size() > kMost) points.pop_front();
  }
}

const std::deque<WatchPast::Point>& WatchPast::of(const std::string& gpu) const {
  static const std::deque<Point> none;
  const auto found = points_.find(gpu);
  return found == points_.end() ? none : found->second;
}

ScreenGrid DrawWatch(const WatchState& state, int columns, int rows, bool ascii) {
  return Drawing(state, columns, rows, ascii).Draw();
}

}  // namespace vramcast::cli
