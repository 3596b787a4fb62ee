#include "cli/watch_words.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <ctime>

#include "base/text.h"
#include "cli/gpu_text.h"

namespace vramcast::cli {

using monitor::GpuReport;
using monitor::Growth;
using monitor::GrowthKind;
using monitor::Interval;
using monitor::Report;
using monitor::UpcomingPhase;

namespace {

std::string Steps(double steps) {
  return std::isfinite(steps) && steps < 1e15 ? WithThousands(static_cast<int64_t>(steps))
                                              : "no end";
}

std::string SizeText(double bytes) { return FormatBytes(Bytes(std::llround(bytes))); }

// The steps of a run say nothing about another program.
std::string GrowsText(const GpuReport& gpu, const Report& report) {
  const double rate = gpu.growth.bytes_per_second->value;
  return gpu.other() != nullptr ? "another process grows " + RateInTimeText(rate)
                                : "grows " + RateText(rate, report);
}

std::string TimeLeftText(const Growth& growth, const Report& report) {
  if (!growth.seconds_left) return "";
  const Interval& left = *growth.seconds_left;
  const bool bounded = std::isfinite(left.high);
  std::string text = bounded ? fmt::format("full in about {} ({} to {})", FormatSeconds(left.value),
                                           FormatSeconds(left.low), FormatSeconds(left.high))
                             : fmt::format("full in {} at the earliest", FormatSeconds(left.low));
  const auto steps = monitor::StepsLeft(growth, report);
  if (!steps) return text;
  text += bounded ? fmt::format(", {} steps ({} to {})", Steps(steps->value), Steps(steps->low),
                                Steps(steps->high))
                  : fmt::format(", {} steps at the earliest", Steps(steps->low));
  return text;
}

}  // namespace

std::string ClockText(double time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:%H:%M:%S}", local);
}

double UsedFraction(const monitor::GpuSample& gpu) {
  if (!gpu.capacity || gpu.capacity->count() <= 0) return 0;
  return static_cast<double>(gpu.used.count()) / static_cast<double>(gpu.capacity->count());
}

std::string UsedText(const monitor::GpuSample& gpu) {
  if (!gpu.capacity) return FormatBytes(gpu.used);
  return fmt::format("{} of {}", FormatBytes(gpu.used), FormatBytes(*gpu.capacity));
}

std::string RateText(double bytes_per_second, const Report& report) {
  if (!report.steps_per_second) return RateInTimeText(bytes_per_second);
  return SizeText(bytes_per_second / report.steps_per_second->value) + " per step";
}

std::string RateInTimeText(double bytes_per_second) {
  const double per_minute = bytes_per_second * 60;
  return per_minute >= 1 << 20 ? SizeText(per_minute) + " per minute"
                               : SizeText(bytes_per_second * 3600) + " per hour";
}

std::string GrowerText(const GpuReport& gpu) {
  if (gpu.growth.kind != GrowthKind::kGrowing || !gpu.grower || gpu.processes.size() < 2) return "";
  return "; by " + ProcessText(gpu.processes[*gpu.grower].sample);
}

std::string VerdictText(const GpuReport& gpu, const Report& report) {
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
  std::string text = GrowsText(gpu, report);
  if (const std::string left = TimeLeftText(growth, report); !left.empty()) text += ", " + left;
  return text;
}

std::string FullInText(const Growth& growth) {
  if (!growth.seconds_left) return "";
  const Interval& left = *growth.seconds_left;
  return std::isfinite(left.high)
             ? fmt::format("{} to {}", FormatSeconds(left.low), FormatSeconds(left.high))
             : fmt::format("{} at the earliest", FormatSeconds(left.low));
}

std::string ShortVerdictText(const GpuReport& gpu, const Report& report) {
  if (gpu.growth.kind != GrowthKind::kGrowing) return VerdictText(gpu, report);
  std::string text = GrowsText(gpu, report);
  const std::string full = FullInText(gpu.growth);
  if (full.empty()) return text;
  text += ", full in " + full;
  if (const auto steps = monitor::StepsLeft(gpu.growth, report)) {
    text += std::isfinite(steps->high)
                ? fmt::format(" ({} to {} steps)", Steps(steps->low), Steps(steps->high))
                : fmt::format(" ({} steps)", Steps(steps->low));
  }
  return text;
}

std::string ProcessText(const monitor::ProcessSample& process) {
  return fmt::format("process {}{}", process.pid, process.name ? " (" + *process.name + ")" : "");
}

std::string PhaseText(const UpcomingPhase& phase) {
  const std::string title(PhaseTitle(phase.phase));
  if (phase.at_end) {
    return title + (phase.step ? fmt::format(" after step {}", WithThousands(*phase.step))
                               : std::string(" at the end"));
  }
  return phase.step ? fmt::format("{} at step {}", title, WithThousands(*phase.step)) : title;
}

std::string WhenText(const UpcomingPhase& phase, const Report& report) {
  if (!phase.step) return "";
  const auto left = monitor::SecondsUntil(*phase.step, report);
  return left ? "in about " + FormatSeconds(left->value) : "";
}

std::string NeedText(const UpcomingPhase& phase) {
  const std::string room = FormatBytes(phase.room);
  if (phase.needs <= phase.room) {
    return fmt::format("needs {}, at most {} of {}: up to {} too much", FormatBytes(phase.needs),
                       FormatBytes(phase.needs_high), room, FormatBytes(phase.short_by));
  }
  return fmt::format("needs {} ({} to {}) of {}: {} too much", FormatBytes(phase.needs),
                     FormatBytes(phase.needs_low), FormatBytes(phase.needs_high), room,
                     FormatBytes(phase.short_by));
}

std::string AheadText(const UpcomingPhase& phase, const Report& report) {
  const std::string when = WhenText(phase, report);
  std::string text = PhaseText(phase) + (when.empty() ? "" : " (" + when + ")");
  switch (phase.verdict) {
    case monitor::PhaseVerdict::kFits:
      return text + " fits";
    case monitor::PhaseVerdict::kMayFail:
      return text + " may not fit: " + NeedText(phase);
    case monitor::PhaseVerdict::kWillFail:
      break;
  }
  return text + " will not fit: " + NeedText(phase);
}

std::string StepText(const Report& report) {
  if (!report.step) return "";
  std::string text = "step " + WithThousands(*report.step);
  if (report.total_steps) text += " of " + WithThousands(*report.total_steps);
  if (!report.steps_per_second) return text;
  const double pace = report.steps_per_second->value;
  text += pace >= 1 ? fmt::format(", {:.2f} steps per second", pace)
                    : fmt::format(", {:.1f} s per step", 1 / pace);
  if (report.total_steps && *report.total_steps > *report.step) {
    const auto left = monitor::SecondsUntil(*report.total_steps, report);
    text += ", ends in about " + FormatSeconds(left->value);
  }
  return text;
}

}  // namespace vramcast::cli
