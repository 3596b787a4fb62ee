#include "cli/watch_ahead.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/watch_words.h"

namespace vramcast::cli {

using monitor::PhaseVerdict;
using monitor::UpcomingPhase;

namespace {

Ink InkOf(PhaseVerdict verdict) {
  if (verdict == PhaseVerdict::kWillFail) return Ink::kBad;
  return verdict == PhaseVerdict::kMayFail ? Ink::kWarning : Ink::kPlain;
}

std::string Step(const UpcomingPhase& phase) {
  if (phase.at_end && !phase.step) return "at the end";
  return phase.step ? "step " + WithThousands(*phase.step) : "";
}

// With the numbers where there is room for them.
std::string Verdict(const AheadOnGpu& ahead, size_t gpus, int width) {
  const UpcomingPhase& phase = ahead.phase;
  if (phase.verdict == PhaseVerdict::kFits) return "fits";
  const bool will = phase.verdict == PhaseVerdict::kWillFail;
  const std::string where = gpus > 1 ? fmt::format(" (GPU {})", ahead.gpu->sample.index) : "";
  std::string text = fmt::format("{} not fit: {}{}", will ? "will" : "may", NeedText(phase), where);
  if (WidthOf(text) <= width) return text;
  return fmt::format("{} {}{}", will ? "will not fit by" : "may not fit by up to",
                     FormatBytes(phase.short_by), where);
}

}  // namespace

std::vector<AheadOnGpu> WorstAhead(const std::vector<const monitor::GpuReport*>& gpus) {
  std::vector<AheadOnGpu> worst;
  for (const monitor::GpuReport* gpu : gpus) {
    for (const UpcomingPhase& phase : gpu->ahead) {
      const auto same = std::find_if(worst.begin(), worst.end(), [&phase](const AheadOnGpu& one) {
        return one.phase.phase == phase.phase;
      });
      if (same == worst.end()) {
        worst.push_back({gpu, phase});
      } else if (phase.verdict > same->phase.verdict ||
                 (phase.verdict == same->phase.verdict && phase.short_by > same->phase.short_by)) {
        *same = {gpu, phase};
      }
    }
  }
  return worst;
}

int DrawAhead(const std::vector<const monitor::GpuReport*>& gpus, const monitor::Report& report,
              int row, int last, ScreenGrid* grid) {
  const std::vector<AheadOnGpu> worst = WorstAhead(gpus);
  if (worst.empty() || row + 1 >= last) return row;
  constexpr int kLeft = 1;
  grid->Put(row++, kLeft, "Ahead", Ink::kStrong);
  int step_width = 0, title_width = 0, when_width = 0;
  for (const AheadOnGpu& one : worst) {
    step_width = std::max(step_width, WidthOf(Step(one.phase)));
    title_width = std::max(title_width, WidthOf(PhaseTitle(one.phase.phase)));
    when_width = std::max(when_width, WidthOf(WhenText(one.phase, report)));
  }
  for (const AheadOnGpu& one : worst) {
    if (row >= last) return row;
    const Ink ink = InkOf(one.phase.verdict);
    int column = kLeft + 2;
    grid->Put(row, column, Step(one.phase), ink);
    column += step_width + 2;
    if (when_width > 0) {
      grid->Put(row, column, WhenText(one.phase, report), Ink::kDim);
      column += when_width + 2;
    }
    grid->Put(row, column, PhaseTitle(one.phase.phase), ink);
    column += title_width + 2;
    const int room = grid->columns() - kLeft - column;
    grid->Put(row, column, Verdict(one, gpus.size(), room), ink, room);
    ++row;
  }
  return row < last ? row + 1 : row;
}

}  // namespace vramcast::cli
