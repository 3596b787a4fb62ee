#include "dryrun/session.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/user_folder.h"
#include "dryrun/child.h"
#include "dryrun/compiled.h"
#include "dryrun/files.h"
#include "dryrun/libraries.h"
#include "dryrun/pytorch.h"
#include "dryrun/scratch.h"
#include "snapshot/read.h"

namespace vramcast::dryrun {
namespace {
namespace fs = std::filesystem;

constexpr int kKilled = 128;  // exit codes from here on: by a signal

struct Plan {
  Start start;
  Environment environment;
  PyTorch torch;
  Libraries libraries;
  fs::path cache;
  int world_size = 1;
  int per_node = 1;
};

Result<Plan> Prepare(const std::vector<std::string>& command,
                     const std::function<void(std::string_view)>& progress) {
  Plan plan;
  auto start = ReadStart(command);
  if (!start) return tl::make_unexpected(start.error());
  plan.start = std::move(*start);
  plan.environment = CurrentEnvironment();
  for (const auto& [name, value] : plan.start.environment) plan.environment[name] = value;
  const auto python = FindPython(plan.start, plan.environment);
  if (!python) return tl::make_unexpected(python.error());
  auto torch = FindPyTorch(*python, plan.environment);
  if (!torch) return tl::make_unexpected(torch.error());
  plan.torch = std::move(*torch);
  auto cache = CacheFolder();
  if (!cache) return tl::make_unexpected(cache.error());
  plan.cache = std::move(*cache);
  auto libraries = MakeLibraries(plan.torch, plan.cache);
  if (!libraries) return tl::make_unexpected(libraries.error());
  plan.libraries = std::move(*libraries);
  if (plan.libraries.fresh) {
    progress(fmt::format("made the device's libraries for PyTorch {} in {}", plan.torch.version,
                         plan.libraries.folder.string()));
  }
  return plan;
}

// A file without a disk below it, that a child inherits: a report needs no room anywhere.
class Report {
 public:
  Report() : descriptor_(memfd_create("vramcast-report", 0)) {}
  ~Report() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  bool ok() const { return descriptor_ >= 0; }
  std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

 private:
  int descriptor_;
};

void Prepend(Environment* environment, const std::string& name, const std::string& path) {
  std::string& value = (*environment)[name];
  value = value.empty() ? path : path + ":" + value;
}

// What every Python of the run needs to find the device.
Environment WithDevice(const Plan& plan) {
  Environment environment = plan.environment;
  environment["VRAMCAST_LIBRARIES"] = plan.libraries.folder.string();
  environment["VRAMCAST_MAIN"] = "1";
  environment["TRITON_LIBCUDA_PATH"] = plan.libraries.folder.string();
  Prepend(&environment, "PYTHONPATH", plan.libraries.python.string());
  environment["PYTHONDONTWRITEBYTECODE"] = "1";
  // The program sees every GPU of its node, whatever this machine's user has chosen.
  std::string visible;
  for (int i = 0; i < plan.per_node; ++i) visible += fmt::format("{}{}", i > 0 ? "," : "", i);
  environment["CUDA_VISIBLE_DEVICES"] = visible;
  return environment;
}

void Set(Environment* environment, const std::string& name, const std::string& value) {
  environment->emplace(name, value);  // what the user has set stays
}

Environment ForRank(const Request& request, const Plan& plan, int rank, const fs::path& scratch,
                    const std::string& device, const std::string& report) {
  Environment environment = WithDevice(plan);
  environment["VRAMCAST_DEVICE"] = device;
  environment["VRAMCAST_RESULT"] = report;
  environment["VRAMCAST_STABLE_STEPS"] = std::to_string(request.stable_steps);
  environment["VRAMCAST_LEAST_STEPS"] = std::to_string(request.least_steps);
  environment["VRAMCAST_ATTENTION"] = request.attention;
  environment["VRAMCAST_HELPERS"] = request.helpers ? "1" : "0";
  environment["VRAMCAST_TO_END"] = request.to_end ? "1" : "0";
  environment["VRAMCAST_QUIET"] = request.quiet ? "1" : "0";
  if (!request.snapshot.empty()) {
    const std::string path = fs::absolute(request.snapshot).string();
    environment["VRAMCAST_SNAPSHOT"] =
        request.all_ranks ? fmt::format("{}.rank{}", path, rank) : path;
  } else if (request.record) {
    environment["VRAMCAST_SNAPSHOT"] = (scratch / "snapshot.pickle").string();
  }
  if (!request.keep) {
    environment["VRAMCAST_SCRATCH_SAVES"] = (scratch / "saves").string();
    environment["WANDB_DIR"] = (scratch / "wandb").string();
    environment["WANDB_MODE"] = "offline";
    // The program may be ended where it stands, and what it has there goes with the rest.
    environment["TMPDIR"] = (scratch / "tmp").string();
    std::error_code ignored;
    fs::create_directories(scratch / "wandb", ignored);
    fs::create_directories(scratch / "tmp", ignored);
  }
  Set(&environment, "TORCHINDUCTOR_CACHE_DIR", (plan.cache / "inductor").string());
  Set(&environment, "TRITON_CACHE_DIR", (plan.cache / "triton").string());
  if (plan.start.distributed || plan.world_size > 1) {
    const int local = rank % plan.per_node;
    for (const auto& [name, value] : {std::pair{"RANK", rank},
                                      {"LOCAL_RANK", local},
                                      {"WORLD_SIZE", plan.world_size},
                                      {"LOCAL_WORLD_SIZE", plan.per_node},
                                      {"GROUP_RANK", rank / plan.per_node},
                                      {"NODE_RANK", rank / plan.per_node},
                                      {"ROLE_RANK", rank},
                                      {"ROLE_WORLD_SIZE", plan.world_size}}) {
      environment[name] = std::to_string(value);
    }
    Set(&environment, "MASTER_ADDR", "127.0.0.1");
    Set(&environment, "MASTER_PORT", "29500");
    Set(&environment, "OMP_NUM_THREADS", "1");  // as torchrun does
  }
  return environment;
}

// What was recorded of the run; nothing where the program ended before it could be written.
std::unique_ptr<Recording> ReadRecording(const std::string& path, const Plan& plan,
                                         const RankResult& result) {
  std::error_code error;
  if (!fs::exists(path, error)) return nullptr;
  auto recording = snapshot::ReadSnapshot(path);
  if (!recording) return nullptr;
  SetPhases(result.marks, &*recording);
  NameCompiled(plan.libraries.python, &*recording);
  return std::make_unique<Recording>(std::move(*recording));
}

Result<RankResult> RunRank(const Request& request, const Plan& plan, int rank,
                           const std::string& device, Bytes context) {
  const auto scratch = Scratch::Make();
  if (!scratch) return tl::make_unexpected(scratch.error());
  const Report report;
  if (!report.ok()) return MachineError("cannot make a file in memory");
  const Environment environment =
      ForRank(request, plan, rank, scratch->path(), device, report.path());
  std::vector<std::string> arguments = {plan.torch.python};
  arguments.insert(arguments.end(), plan.start.arguments.begin(), plan.start.arguments.end());
  const auto ending = RunProgram(arguments, environment, request.output_to_error);
  if (!ending) return tl::make_unexpected(ending.error());
  const auto text = ReadWhole(report.path());
  RankResult result;
  if (text && !text->empty()) {
    auto read = ReadReport(*text, context);
    if (!read) return tl::make_unexpected(read.error());
    result = std::move(*read);
  }
  const auto snapshot = environment.find("VRAMCAST_SNAPSHOT");
  if (request.record && snapshot != environment.end()) {
    result.recording = ReadRecording(snapshot->second, plan, result);
  }
  result.rank = rank;
  result.exit_code = ending->code;
  result.interrupted = ending->interrupted;
  return result;
}

}  // namespace

Result<DryRun> Execute(const Request& request,
                       const std::function<void(std::string_view)>& progress) {
  auto plan = Prepare(request.command, progress);
  if (!plan) return tl::make_unexpected(plan.error());
  const int processes = plan->start.processes.value_or(1);
  plan->world_size = request.world_size.value_or(processes * plan->start.nodes);
  plan->per_node = std::clamp(plan->start.processes.value_or(std::min(plan->world_size, 8)), 1,
                              std::max(1, plan->world_size));
  const int rank = request.rank.value_or(0);
  if (plan->world_size < 1 || rank < 0 || rank >= plan->world_size) {
    return UsageError(fmt::format("rank {} is not one of {} ranks", rank, plan->world_size));
  }
  DryRun run;
  run.card = request.card.name;
  run.total = request.card.total;
  run.world_size = plan->world_size;
  const std::string device =
      DeviceText({request.card, plan->per_node, request.other_processes, request.linger},
                 plan->torch, &run.notes);
  const Bytes context = ContextSize(request.card);
  if (context + request.other_processes >= request.card.total) {
    // Any program's first CUDA call fails.
    RankResult result;
    result.rank = rank;
    result.torch = plan->torch.version;
    result.oom = OutOfMemory{
        fmt::format("CUDA error: out of memory (the card has {}; the CUDA context and other "
                    "processes take {})",
                    FormatBytes(request.card.total),
                    FormatBytes(context + request.other_processes)),
        std::string(PhaseName(Phase::kModelInit))};
    run.ranks.push_back(std::move(result));
    return run;
  }
  const int first = request.all_ranks ? 0 : rank;
  const int last = request.all_ranks ? plan->world_size - 1 : rank;
  for (int at = first; at <= last; ++at) {
    if (plan->world_size > 1) progress(fmt::format("rank {} of {}", at, plan->world_size));
    auto result = RunRank(request, *plan, at, device, context);
    if (!result) return tl::make_unexpected(result.error());
    if (result->torch.empty() && !result->interrupted && result->exit_code < kKilled) {
      run.notes.push_back(fmt::format(
          "rank {} never used PyTorch, or was started so that PYTHONPATH does not count", at));
    }
    for (const std::string& remark : result->remarks) {
      if (std::find(run.notes.begin(), run.notes.end(), remark) == run.notes.end()) {
        run.notes.push_back(remark);
      }
    }
    run.ranks.push_back(std::move(*result));
    if (run.ranks.back().interrupted) break;
  }
  return run;
}

Status MakeSampleData(const std::string& folder, int vocabulary,
                      const std::vector<std::string>& command) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    return UsageError(fmt::format("{} exists and is not empty", folder));
  }
  const std::vector<std::string> any = {"python", "-c", ""};
  const auto plan = Prepare(command.empty() ? any : command, [](std::string_view) {});
  if (!plan) return tl::make_unexpected(plan.error());
  Environment environment = WithDevice(*plan);
  environment.erase("VRAMCAST_MAIN");
  const std::string script = (plan->libraries.python / "vramcast_sample_data.py").string();
  const auto ending = RunProgram({plan->torch.python, script, folder, std::to_string(vocabulary)},
                                 environment, true);
  if (!ending) return tl::make_unexpected(ending.error());
  if (ending->code != 0) {
    return MachineError(fmt::format(
        "the sample data could not be made (it needs tiktoken and pyarrow beside PyTorch)"));
  }
  return {};
}

}  // namespace vramcast::dryrun
