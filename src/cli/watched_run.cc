#include "cli/watched_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/fix_source.h"
#include "command/dialect.h"
#include "command/quote.h"
#include "diagnosis/job.h"
#include "gpu/card.h"
#include "nanochat/checkout.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {

using monitor::GpuReport;
using monitor::Report;
using monitor::Standing;

constexpr Bytes kNear = Bytes(16 << 20);  // what moves by less is not judged anew

Bytes Distance(Bytes a, Bytes b) { return a > b ? a - b : b - a; }

// Settings that W&B keeps of a run of nanochat: each under the name of its flag.
std::optional<nanochat::Flags> FlagsOfConfig(const std::map<std::string, std::string>& config) {
  if (!config.contains("depth") || !config.contains("device_batch_size")) return std::nullopt;
  nanochat::Flags flags;
  for (const auto& [name, text] : config) {
    const auto value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_discarded() || value.is_null() || value.is_structured()) continue;
    // What a flag cannot take is another program's setting of that name.
    (void)nanochat::SetFlag(flags, name,
                            value.is_string() ? value.get<std::string>() : value.dump());
  }
  return flags;
}

template <typename T>
void FillIn(std::optional<T>* flag, const std::optional<T>& known) {
  if (!*flag) *flag = known;
}

void AddKnown(const nanochat::Flags& known, nanochat::Flags* flags) {
  FillIn(&flags->depth, known.depth);
  FillIn(&flags->max_seq_len, known.max_seq_len);
  FillIn(&flags->vocab_size, known.vocab_size);
  FillIn(&flags->window_pattern, known.window_pattern);
  FillIn(&flags->device_batch_size, known.device_batch_size);
  FillIn(&flags->total_batch_size, known.total_batch_size);
}

bool IsNear(const Standing& a, const Standing& b) {
  const int64_t step = a.step.value_or(-1);
  const int64_t other = b.step.value_or(-1);
  return a.total == b.total && a.is_master == b.is_master && a.capacity == b.capacity &&
         (step < 0) == (other < 0) && other >= step &&
         other - step <= std::max<int64_t>(10, step / 50) && (step >= 10 || step == other) &&
         Distance(a.others, b.others) < kNear && Distance(a.peak, b.peak) < kNear &&
         std::fabs(a.growth_per_step - b.growth_per_step) <=
             0.1 * std::max(a.growth_per_step, b.growth_per_step);
}

bool Holds(const Report& report, int64_t pid) {
  for (const GpuReport& gpu : report.gpus) {
    for (const monitor::ProcessReport& process : gpu.processes) {
      if (process.sample.pid == pid) return true;
    }
  }
  return false;
}

}  // namespace

Result<WatchedRun> WatchedRun::Make(WatchedRunOptions options, const monitor::StepSource* log,
                                    monitor::Attached* attached) {
  WatchedRun run(std::move(options), log, attached);
  if (!run.options_.revision.empty()) {
    auto revision = nanochat::FindRevision(run.options_.revision);
    if (!revision) return tl::make_unexpected(revision.error());
  }
  if (!run.options_.command.empty()) {
    if (auto learnt = run.LearnFromCommand(); !learnt) return tl::make_unexpected(learnt.error());
  }
  return run;
}

Status WatchedRun::LearnFromCommand() {
  FixArguments arguments;
  arguments.argv = options_.command;
  auto source = ReadFixSource(arguments);
  if (!source) return tl::make_unexpected(source.error());
  if (auto understood = Understand(source->text, ".", {}); !understood) return understood;
  given_ = true;
  command_ = command::QuoteCommand(options_.command);
  origin_ = "the command after --";
  return {};
}

Status WatchedRun::Understand(const std::string& text, const std::string& folder,
                              const nanochat::Flags& known) {
  const command::LaunchScript script = command::ReadLaunches(text);
  forecast::Request base;
  if (!options_.revision.empty()) {
    auto revision = nanochat::FindRevision(options_.revision);
    if (!revision) return tl::make_unexpected(revision.error());
    base.revision = *std::move(revision);
  } else if (!options_.checkout.empty()) {
    auto checkout = nanochat::DetectCheckout(options_.checkout);
    if (!checkout) return tl::make_unexpected(checkout.error());
    base.revision = std::move(checkout->revision);
  } else if (auto checkout = nanochat::DetectCheckout(folder)) {
    base.revision = std::move(checkout->revision);
  }
  auto requests = RequestsOf(script, NanochatOptions(), base);
  if (!requests) return tl::make_unexpected(requests.error());
  // Of a script with several stages the one that the log says is running.
  auto chosen = requests->begin();
  if (log_ != nullptr && log_->facts().nanochat.script) {
    const std::string running = *log_->facts().nanochat.script;
    const auto found = std::find_if(requests->begin(), requests->end(), [&](const auto& one) {
      return command::ModuleOf(one.program) == running;
    });
    if (found != requests->end()) chosen = found;
  }
  AddKnown(known, &chosen->request.flags);
  launch_ = std::move(*chosen);
  outlooks_.clear();
  judged_.clear();
  trouble_.clear();
  return {};
}

bool WatchedRun::LearnFromLog() {
  if (log_ == nullptr || log_->facts_version() == facts_version_) return false;
  facts_version_ = log_->facts_version();
  if (const auto flags = FlagsOfConfig(log_->config())) {
    std::vector<std::string> argv = {"python", "-m", "scripts.base_train",
                                     fmt::format("--depth={}", flags->depth.value_or(0))};
    if (!Understand(command::QuoteCommand(argv), ".", *flags)) return false;
    nanochat::Flags& all = launch_->request.flags;
    const nanochat::Flags launch = all;
    all = *flags;
    all.stage = launch.stage;
    all.revision = launch.revision;
    all.launcher = std::nullopt;
    command_.clear();
    origin_ = "the configuration in " + log_->path();
    return true;
  }
  const auto logged = LaunchInLog(log_->facts());
  if (!logged) return false;
  if (!Understand(logged->text, ".", diagnosis::FlagsOf(log_->facts().nanochat))) return false;
  command_ = logged->text;
  origin_ = logged->reconstructed ? "the sizes printed in " + log_->path()
                                  : "the command in " + log_->path();
  return true;
}

bool WatchedRun::LearnFromProcesses(const Report& report) {
  for (const GpuReport& gpu : report.gpus) {
    for (const monitor::ProcessReport& process : gpu.processes) {
      const monitor::ProcessSample& sample = process.sample;
      if (sample.graphics || sample.leftover || !sample.command_line) continue;
      if (looked_at_.contains(sample.pid)) continue;
      if (attached_ != nullptr && !attached_->Owns(sample.pid)) continue;
      const std::string folder = host_.WorkingFolder(sample.pid).value_or(".");
      const nanochat::Flags known =
          log_ == nullptr ? nanochat::Flags() : diagnosis::FlagsOf(log_->facts().nanochat);
      if (!Understand(*sample.command_line, folder, known)) {
        if (looked_at_.size() > 4096) looked_at_.clear();
        looked_at_.insert(sample.pid);
        continue;
      }
      const auto world = host_.Variable(sample.pid, "WORLD_SIZE");
      world_size_ = world ? ParseInt(*world) : std::nullopt;
      command_ = *sample.command_line;
      learnt_from_ = sample.pid;
      origin_ = fmt::format("the command line of process {}", sample.pid);
      return true;
    }
  }
  return false;
}

void WatchedRun::Learn(const Report& report) {
  if (given_) return;
  if (LearnFromLog()) {
    learnt_from_.reset();
    return;
  }
  if (learnt_from_ && !Holds(report, *learnt_from_)) {
    // That run is over; another may begin.
    launch_.reset();
    learnt_from_.reset();
    command_.clear();
  }
  if (!launch_) LearnFromProcesses(report);
}

bool WatchedRun::IsProgram(const monitor::ProcessSample& sample) const {
  const std::string module = command::ModuleOf(launch_->program);
  const std::string file = module.substr(module.rfind('.') + 1) + ".py";
  const std::string line = sample.command_line.value_or("");
  return Contains(line, module) || Contains(line, file);
}

std::optional<size_t> WatchedRun::FindProcess(const GpuReport& gpu) {
  std::optional<size_t> largest;
  for (size_t i = 0; i < gpu.processes.size(); ++i) {
    const monitor::ProcessSample& sample = gpu.processes[i].sample;
    if (sample.graphics || sample.leftover) continue;
    if (attached_ != nullptr) {
      if (attached_->Owns(sample.pid)) return i;
      continue;
    }
    if (IsProgram(sample)) return i;
    // They are listed by size.
    const bool may_be =
        sample.name ? Contains(*sample.name, "python") || *sample.name == "pt_main_thread" : true;
    if (!largest && may_be) largest = i;
  }
  return largest;
}

const monitor::PhasesAhead* WatchedRun::OutlookFor(const monitor::GpuSample& gpu, int64_t gpus) {
  auto found = outlooks_.find(gpu.name);
  if (found == outlooks_.end()) {
    forecast::Request request = launch_->request;
    request.card = gpu::CardForDriver(gpu.name, gpu.capacity);
    nanochat::Flags& flags = request.flags;
    const int64_t world = world_size_.value_or(gpus);
    if (!flags.world_size || (*flags.world_size == 1 && world > 1)) flags.world_size = world;
    // A launcher sets its variables even for one process.
    if (world_size_ || *flags.world_size > 1) flags.launcher = nanochat::Launcher::kTorchrun;
    auto outlook = monitor::PhasesAhead::Make(request);
    if (!outlook) trouble_ = outlook.error().message;
    found = outlooks_.emplace(gpu.name, outlook ? std::optional(std::move(*outlook)) : std::nullopt)
                .first;
  }
  return found->second ? &*found->second : nullptr;
}

std::optional<Standing> WatchedRun::StandingOn(const GpuReport& gpu, size_t process,
                                               const Report& report) const {
  if (!gpu.sample.capacity) return std::nullopt;
  const monitor::ProcessReport& mine = gpu.processes[process];
  Standing standing{.step = report.step,
                    .total = report.total_steps,
                    .capacity = *gpu.sample.capacity,
                    .mine = mine.sample.used,
                    .peak = mine.peak};
  Bytes others;
  for (const monitor::ProcessReport& one : gpu.processes) {
    if (&one != &mine) others += one.sample.used.value_or(Bytes(0));
  }
  // What nobody is said to hold is the driver's and other containers'.
  standing.others = standing.mine ? std::max(gpu.sample.used - *standing.mine, others) : others;
  const monitor::Growth& growth = gpu.growth;
  if (growth.kind == monitor::GrowthKind::kGrowing && report.steps_per_second) {
    standing.growth_per_step = growth.bytes_per_second->value / report.steps_per_second->value;
  }
  return standing;
}

std::optional<bool> WatchedRun::Owns(const GpuReport& gpu, size_t process) {
  const monitor::ProcessSample& sample = gpu.processes[process].sample;
  if (attached_ != nullptr) return attached_->Owns(sample.pid);
  if (!launch_) return std::nullopt;
  const auto found = FindProcess(gpu);
  if (!found) return std::nullopt;
  return *found == process || IsProgram(sample);
}

void WatchedRun::Complete(Report* report) {
  Learn(*report);
  for (GpuReport& gpu : report->gpus) {
    if (!gpu.grower) continue;
    // Part of the growth may be another's: the larger part decides.
    const double all = gpu.growth.bytes_per_second ? gpu.growth.bytes_per_second->value : 0;
    const double its = gpu.processes[*gpu.grower].growth.bytes_per_second->value;
    if (const auto owns = Owns(gpu, *gpu.grower)) gpu.other_grows = !*owns && its >= all / 2;
  }
  if (!launch_) return;
  std::vector<std::pair<GpuReport*, size_t>> places;
  for (GpuReport& gpu : report->gpus) {
    if (const auto process = FindProcess(gpu)) places.emplace_back(&gpu, *process);
  }
  bool first = true;
  for (const auto& [gpu, process] : places) {
    auto standing = StandingOn(*gpu, process, *report);
    if (!standing) continue;
    // Ranks are placed in the order of the GPUs.
    standing->is_master = std::exchange(first, false);
    const monitor::PhasesAhead* outlook =
        OutlookFor(gpu->sample, static_cast<int64_t>(places.size()));
    if (outlook == nullptr) continue;
    gpu->run_pid = gpu->processes[process].sample.pid;
    Judged& judged = judged_[gpu->sample.id];
    if (judged.ahead.empty() || !IsNear(judged.standing, *standing)) {
      judged = {*standing, outlook->Ahead(*standing)};
    }
    for (const monitor::UpcomingPhase& phase : judged.ahead) {
      const bool over = report->step && phase.step && *phase.step <= *report->step;
      if (!over) gpu->ahead.push_back(phase);
    }
    if (gpu->ahead.size() != judged.ahead.size()) {
      judged = {*standing, outlook->Ahead(*standing)};
      gpu->ahead = judged.ahead;
    }
  }
}

std::vector<std::string> WatchedRun::Notes(const Report& report) const {
  if (!launch_) return {};
  std::vector<std::string> notes = {"the phases ahead are forecast from " + origin_};
  if (!trouble_.empty()) notes.push_back("no phase can be forecast: " + trouble_);
  if (log_ == nullptr && !report.step) {
    notes.emplace_back("which step it is at is not known: --log FILE tells");
  }
  return notes;
}

}  // namespace vramcast::cli
