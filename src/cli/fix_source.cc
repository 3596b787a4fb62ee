#include "cli/fix_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "command/dialect.h"
#include "command/launch.h"
#include "command/quote.h"
#include "crashlog/scan.h"
#include "diagnosis/job.h"
#include "gpu/machine.h"
#include "nanochat/checkout.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {

constexpr uintmax_t kMaxScript = uintmax_t{4} << 20;
// A CUDA context alone takes more (measured: 200 MiB and up); less is rounding in the message.
constexpr Bytes kLeastContext = Bytes(int64_t{128} << 20);

// The last command before the death that starts nanochat, else the last that starts anything.
std::optional<std::string> CommandOf(const crashlog::LogReport& report) {
  const crashlog::OomEvent* death = report.oom();
  std::optional<std::string> best;
  bool best_is_nanochat = false;
  for (const crashlog::LoggedCommand& logged : report.commands) {
    if (death != nullptr && logged.place.offset > death->place.offset) break;
    const command::LaunchScript script = command::ReadLaunches(logged.text);
    if (script.launches.empty()) continue;
    const bool nanochat = command::FirstOfNanochat(script.launches) != nullptr;
    if (best_is_nanochat && !nanochat) continue;
    best = logged.text;
    best_is_nanochat = nanochat;
  }
  return best;
}

// nanochat prints its sizes when it starts: enough to write the command that gave them.
std::optional<std::string> Reconstruct(const crashlog::NanochatFacts& facts) {
  if (!facts.depth || !facts.device_batch_size) return std::nullopt;
  const int64_t world = facts.world_size.value_or(1);
  std::vector<std::string> argv;
  if (world > 1) {
    argv = {"torchrun", "--standalone", fmt::format("--nproc_per_node={}", world)};
  } else {
    argv = {"python"};
  }
  argv.insert(argv.end(), {"-m", facts.script.value_or("scripts.base_train")});
  if (world > 1) argv.emplace_back("--");
  const bool base =
      command::StageOfProgram(argv.back() == "--" ? argv[argv.size() - 2] : argv.back()) ==
      nanochat::Stage::kBase;
  if (base) argv.push_back(fmt::format("--depth={}", *facts.depth));
  argv.push_back(fmt::format("--device-batch-size={}", *facts.device_batch_size));
  if (facts.max_seq_len) argv.push_back(fmt::format("--max-seq-len={}", *facts.max_seq_len));
  return command::QuoteCommand(argv);
}

DeadRun DeadRunOf(const crashlog::LogReport& report, std::string file) {
  DeadRun dead;
  dead.file = std::move(file);
  dead.gpu_name = report.nanochat.gpu_name ? report.nanochat.gpu_name : report.gpu_name;
  dead.commit = report.nanochat.commit;
  for (const crashlog::Progress& progress : report.progress) {
    if (progress.of == crashlog::Progress::Of::kTraining) dead.step = progress.step;
  }
  const crashlog::OomEvent* death = report.oom();
  if (death == nullptr) return dead;
  if (death->step) dead.step = death->step;
  dead.gpu_memory = death->is_vram_oom;
  dead.total = death->total;
  // A limit that software set counts as the card.
  if (death->allowed && (!dead.total || *death->allowed < *dead.total)) dead.total = death->allowed;
  if (death->total && death->free && death->process_in_use && death->process_in_use->count() > 0) {
    const Bytes other = *death->total - *death->free - *death->process_in_use;
    if (other > kLeastContext) dead.other_processes = other;
  }
  return dead;
}

// What a log says of the run, the command aside.
void LearnFrom(const crashlog::LogReport& report, const std::string& name, FixSource& source) {
  source.dead = DeadRunOf(report, name);
  source.known = diagnosis::FlagsOf(report.nanochat);
}

Status ReadLog(const FixArguments& arguments, FixSource& source) {
  const auto report =
      arguments.log == "-" ? crashlog::ScanFd(STDIN_FILENO) : crashlog::ScanFile(arguments.log);
  if (!report) return tl::make_unexpected(report.error());
  LearnFrom(*report, arguments.log, source);
  if (report->oom() == nullptr) {
    source.notes.push_back("the log shows no death for want of memory");
  } else if (!source.dead->gpu_memory) {
    source.notes.push_back(
        "the log does not show a death for want of GPU memory; vramcast diagnose says what it was");
  }
  if (!source.text.empty()) return {};
  auto launch = LaunchInLog(*report);
  if (!launch) {
    return UsageError(fmt::format(
        "{} shows no launch command; give it after --: vramcast fix --log {} -- COMMAND",
        arguments.log, arguments.log));
  }
  source.text = std::move(launch->text);
  if (launch->reconstructed) {
    source.notes.push_back(
        "the log shows no command: it was put together from the sizes that "
        "nanochat printed");
  }
  return {};
}

Status ReadScript(const std::string& path, FixSource& source) {
  auto text = ReadScriptFile(path);
  if (!text) return tl::make_unexpected(text.error());
  source.kind = FixSource::Kind::kScript;
  source.text = std::move(*text);
  source.file = path;
  return {};
}

// `bash speedrun.sh` stands for what is in the script.
Status FollowScript(FixSource& source) {
  const command::LaunchScript script = command::ReadLaunches(source.text);
  if (!script.launches.empty() || script.scripts.size() != 1) return {};
  const std::string path = script.scripts.front();
  if (!std::filesystem::exists(path)) return {};
  source.notes.push_back("the command runs " + path + ", so that is what is looked at");
  return ReadScript(path, source);
}

Result<Bytes> BytesOr(const std::string& text, std::optional<Bytes> fallback) {
  if (text.empty()) return fallback.value_or(Bytes(0));
  return ParseBytes(text);
}

}  // namespace

std::optional<LoggedLaunch> LaunchInLog(const crashlog::LogReport& report) {
  if (auto command = CommandOf(report)) return LoggedLaunch{.text = std::move(*command)};
  auto command = Reconstruct(report.nanochat);
  if (!command) return std::nullopt;
  return LoggedLaunch{.text = std::move(*command), .reconstructed = true};
}

Result<std::string> ReadScriptFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return UnreadableError(fmt::format("{} is not a file that can be read", path));
  }
  if (std::filesystem::file_size(path, error) > kMaxScript) {
    return UnreadableError(fmt::format("{} is too large for a launch script", path));
  }
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file) return UnreadableError(fmt::format("{} cannot be read", path));
  return text;
}

Result<FixSource> ReadFixSource(const FixArguments& arguments) {
  FixSource source;
  const int named = !arguments.argv.empty() + !arguments.command.empty() +
                    !arguments.script.empty() + !arguments.in_place.empty();
  if (named > 1 || (named == 0 && arguments.log.empty())) {
    return UsageError(
        "give one of: -- COMMAND, --command STRING, --script FILE, --in-place FILE, --log FILE");
  }
  Status status;
  if (!arguments.argv.empty()) source.text = command::QuoteCommand(arguments.argv);
  if (!arguments.command.empty()) source.text = arguments.command;
  if (!arguments.script.empty()) status = ReadScript(arguments.script, source);
  if (!arguments.in_place.empty()) status = ReadScript(arguments.in_place, source);
  if (status && source.kind == FixSource::Kind::kCommand && !source.text.empty()) {
    status = FollowScript(source);
  }
  if (status && !arguments.log.empty()) status = ReadLog(arguments, source);
  if (!status) return tl::make_unexpected(status.error());
  return source;
}

Result<FixSource> SourceOfRun(const std::string& command, const crashlog::LogReport& output) {
  FixSource source;
  source.text = command;
  if (auto status = FollowScript(source); !status) return tl::make_unexpected(status.error());
  LearnFrom(output, "output", source);
  return source;
}

Result<FixRevision> FindFixRevision(const FixArguments& arguments, const FixSource& source) {
  if (!arguments.revision.empty()) {
    auto revision = nanochat::FindRevision(arguments.revision);
    if (!revision) return tl::make_unexpected(revision.error());
    return FixRevision{std::move(*revision), "--revision"};
  }
  if (!arguments.nanochat.empty()) {
    auto checkout = nanochat::DetectCheckout(arguments.nanochat);
    if (!checkout) return tl::make_unexpected(checkout.error());
    return FixRevision{std::move(checkout->revision), "the checkout in " + arguments.nanochat};
  }
  if (source.dead && source.dead->commit) {
    if (auto revision = nanochat::FindRevision(*source.dead->commit)) {
      return FixRevision{std::move(*revision), "the commit in the log"};
    }
  }
  if (auto checkout = nanochat::DetectCheckout(".")) {
    return FixRevision{std::move(checkout->revision), "the checkout in this folder"};
  }
  const auto script = command::ReadLaunches(source.text);
  if (auto revision = command::RevisionOf(script.launches)) {
    const bool newest = revision->commit == nanochat::HeadRevision().commit;
    return FixRevision{std::move(*revision), newest ? "the newest known, since none was named"
                                                    : "how the flags are written"};
  }
  return FixRevision{nanochat::HeadRevision(), "the newest known, since none was named"};
}

Result<FixCard> FindFixCard(const FixArguments& arguments, const FixSource& source) {
  FixCard result;
  const DeadRun dead = source.dead.value_or(DeadRun());
  const auto other = BytesOr(arguments.other_processes, dead.other_processes);
  if (!other) return tl::make_unexpected(other.error());
  result.other_processes = *other;
  const bool from_log = arguments.gpu.empty() && (dead.gpu_name || dead.total);
  if (!arguments.gpu.empty() || from_log) {
    if (from_log) result.total = dead.total;
    const std::string text = !from_log       ? arguments.gpu
                             : dead.gpu_name ? *dead.gpu_name
                                             : std::to_string(dead.total->count());
    auto match = gpu::FindCard(text);
    if (match) {
      result.name = match->card.name;
      result.card = std::move(match->card);
      result.notes = std::move(match->notes);
    } else if (from_log && dead.total) {
      result.name = dead.gpu_name.value_or("the card in the log");
    } else {
      return tl::make_unexpected(match.error());
    }
    return result;
  }
  const auto machine = gpu::Gather(gpu::Source::kAuto);
  const auto device = machine ? gpu::SmallestDevice(*machine) : std::nullopt;
  if (!device) {
    return MachineError(
        "no GPU is named and none was found here: name the card with --gpu, for example "
        "--gpu \"RTX 3090\"");
  }
  result.name = device->name;
  result.total = device->total;
  result.card = gpu::CardForDriver(device->name, std::nullopt);
  // What holds the card now, unless it is a run that has died since.
  if (arguments.other_processes.empty() && device->other) result.other_processes = *device->other;
  return result;
}

}  // namespace vramcast::cli
