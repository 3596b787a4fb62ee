#include "cli/calibrate_logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "command/launch.h"
#include "crashlog/scan.h"
#include "diagnosis/job.h"
#include "gpu/card.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {

using crashlog::LogReport;

// The launch of nanochat that the person names, else the last one in the log before `line`.
std::optional<command::Launch> LaunchBefore(const LogReport& report, uint64_t line,
                                            const std::vector<std::string>& command) {
  if (!command.empty()) {
    const auto script = command::ReadLaunches(std::span<const std::string>(command));
    const command::Launch* launch = command::FirstOfNanochat(script.launches);
    return launch == nullptr ? std::nullopt : std::optional(*launch);
  }
  std::optional<command::Launch> last;
  for (const crashlog::LoggedCommand& logged : report.commands) {
    if (logged.place.line > line) break;
    const auto script = command::ReadLaunches(logged.text);
    if (const command::Launch* launch = command::FirstOfNanochat(script.launches)) last = *launch;
  }
  return last;
}

std::optional<gpu::Card> CardOf(const LogReport& report, const forecast::Request& base) {
  if (base.card) return base.card;
  if (!report.gpu_name) return {};
  auto match = gpu::FindCard(*report.gpu_name);
  return match ? std::optional(std::move(match->card)) : std::nullopt;
}

// What the run was, by what it printed, how it was started, and what the person adds. Usage error:
// something is missing.
Result<forecast::Request> RequestOf(const LogReport& report, const crashlog::NanochatFacts& facts,
                                    const std::optional<command::Launch>& launch,
                                    const forecast::Request& base) {
  forecast::Request request = base;
  request.calibration = nullptr;
  request.flags_origin = "log";
  nanochat::Flags given = base.flags;
  std::optional<nanochat::Stage> stage;
  if (facts.script) stage = nanochat::StageOf(*facts.script);
  if (launch && launch->stage && (!stage || stage == launch->stage)) {
    stage = launch->stage;
    request.flags = launch->flags;
    if (!request.flags.world_size) request.flags.world_size = launch->world_size;
  } else {
    request.flags = nanochat::Flags();
    if (!facts.depth && !given.depth) {
      return UsageError("it does not say the model's depth; add --depth or the command after --");
    }
  }
  if (!stage) stage = given.stage;
  if (!stage) return UsageError("it does not say which stage ran; add --stage");
  diagnosis::Complete(request.flags, diagnosis::FlagsOf(facts));
  diagnosis::Complete(request.flags, given);
  request.flags.stage = stage;
  if (!request.flags.world_size) {
    return UsageError("it does not say on how many GPUs it ran; add --world-size");
  }
  if (given.launcher) request.flags.launcher = given.launcher;
  if (given.fp8) request.flags.fp8 = given.fp8;
  if (!base.revision) {
    request.flags.revision = given.revision ? given.revision : facts.commit;
    if (!request.flags.revision) {
      return UsageError("it does not say which revision of nanochat ran; add --revision");
    }
  }
  request.card = CardOf(report, base);
  if (!request.card) return UsageError("it does not say which GPU it ran on; add --gpu");
  return request;
}

void ReadPeaks(const LogReport& report, const forecast::Request& base,
               const std::vector<std::string>& command, LogUse* use) {
  for (const crashlog::PrintedPeak& peak : report.peaks) {
    const std::string where =
        fmt::format("the peak of {} in line {}", FormatBytes(peak.bytes), peak.place.line);
    const auto launch = LaunchBefore(report, peak.place.line, command);
    const auto request = RequestOf(report, peak.facts, launch, base);
    if (!request) {
      use->unused.push_back(fmt::format("{}: {}", where, request.error().message));
      continue;
    }
    auto seen = forecast::ObserveAllocated(*request, peak.bytes);
    if (seen) {
      use->seen.push_back(*std::move(seen));
    } else {
      use->unused.push_back(fmt::format("{}: {}", where, seen.error().message));
    }
  }
}

// "this process has X in use … A allocated … R reserved but unallocated": X - A - R. One value a
// log, of all ranks that told it.
void ReadOutside(const LogReport& report, const forecast::Request& base,
                 const std::vector<std::string>& command, LogUse* use) {
  std::vector<Bytes> told;
  uint64_t line = 0;
  for (const crashlog::OomEvent& event : report.events) {
    if (!event.process_in_use || !event.allocated || !event.reserved_unallocated) continue;
    if (*event.process_in_use <= Bytes(0)) continue;  // in a container the driver does not know
    told.push_back(*event.process_in_use - *event.allocated - *event.reserved_unallocated);
    line = event.place.line;
  }
  if (told.empty()) return;
  std::sort(told.begin(), told.end());
  const Bytes outside = told[told.size() / 2];
  const std::string where = fmt::format("the crash report in line {}", line);
  const auto launch = LaunchBefore(report, line, command);
  std::optional<int64_t> world = launch ? launch->world_size : std::nullopt;
  if (!world) world = report.nanochat.world_size;
  if (!world) world = base.flags.world_size;
  const auto card = CardOf(report, base);
  if (!card || !world) {
    use->unused.push_back(fmt::format(
        "{}: it does not say {}", where,
        !card ? "which GPU it ran on; add --gpu" : "how many GPUs it ran on; add --world-size"));
    return;
  }
  const bool torchrun = launch && launch->starter == command::Starter::kTorchrun;
  auto seen = forecast::ObserveOutside(card->name, *world > 1 || torchrun ? *world : 0, outside);
  if (seen) {
    use->seen.push_back(*std::move(seen));
  } else {
    use->unused.push_back(fmt::format("{}: {}", where, seen.error().message));
  }
}

}  // namespace

Result<LogUse> ReadCalibrationLog(const std::string& file, const forecast::Request& base,
                                  const std::vector<std::string>& command) {
  const auto report = crashlog::ScanFile(file);
  if (!report) return tl::make_unexpected(report.error());
  LogUse use{.file = file, .seen = {}, .unused = {}};
  ReadPeaks(*report, base, command, &use);
  ReadOutside(*report, base, command, &use);
  if (use.seen.empty() && use.unused.empty()) {
    use.unused.emplace_back(
        "it prints no \"Peak memory usage\", and no crash report with \"this process has\"");
  }
  return use;
}

}  // namespace vramcast::cli
