#include "cli/launch_requests.h"

#include <utility>

#include "base/text.h"
#include "cli/fix_source.h"
#include "cli/inheritance.h"
#include "command/dialect.h"
#include "nanochat/run_config.h"

namespace vramcast::cli {
namespace {

using nanochat::Flags;

// `bash runs/speedrun.sh` is the script's text.
Result<command::LaunchScript> Read(const std::vector<std::string>& argv) {
  command::LaunchScript script = command::ReadLaunches(argv);
  if (command::FirstOfNanochat(script.launches) != nullptr || script.scripts.empty()) return script;
  Result<std::string> text = ReadScriptFile(script.scripts.front());
  if (!text) return tl::make_unexpected(text.error());
  return command::ReadLaunches(std::move(*text));
}

}  // namespace

Result<std::vector<LaunchRequest>> RequestsOf(const std::vector<std::string>& argv,
                                              const NanochatOptions& options,
                                              const forecast::Request& base) {
  const Result<command::LaunchScript> script = Read(argv);
  if (!script) return tl::make_unexpected(script.error());
  return RequestsOf(*script, options, base);
}

Result<std::vector<LaunchRequest>> RequestsOf(const command::LaunchScript& script,
                                              const NanochatOptions& options,
                                              const forecast::Request& base) {
  nanochat::Revision revision = nanochat::HeadRevision();
  const bool named = options.names_revision();
  if (base.revision) {
    revision = *base.revision;
  } else if (named) {
    const auto found = nanochat::FindRevision(*base.flags.revision);
    if (!found) return tl::make_unexpected(found.error());
    revision = *found;
  } else if (const auto dialect = command::RevisionOf(script.launches)) {
    revision = *dialect;
  }
  std::vector<LaunchRequest> requests;
  Inheritance inherited(revision);
  for (const command::Launch& launch : script.launches) {
    inherited.Learn(launch);
    if (!launch.is_nanochat()) continue;
    LaunchRequest request;
    request.line = launch.line;
    request.program = launch.program;
    request.notes = launch.notes;
    request.request = base;
    request.request.flags_origin = "launch command";
    Flags& flags = request.request.flags;
    flags = launch.flags;
    flags.stage = launch.stage;
    flags.revision = revision.commit;
    if (launch.world_size && !flags.world_size) flags.world_size = launch.world_size;
    if (!flags.launcher) {
      flags.launcher = launch.starter == command::Starter::kPython ? nanochat::Launcher::kPython
                                                                   : nanochat::Launcher::kTorchrun;
    }
    for (const command::EnvironmentSetting& setting : launch.environment) {
      if (setting.name != "PYTORCH_CUDA_ALLOC_CONF" || !setting.value.text) continue;
      const auto settings = ParseAllocConf(*setting.value.text);
      if (!settings) return tl::make_unexpected(settings.error());
      request.request.allocator = *settings;
    }
    inherited.Fill(launch, &flags);
    if (auto status = options.Apply(&flags); !status) return tl::make_unexpected(status.error());
    if (launch.stage == nanochat::Stage::kBase) {
      const auto config = nanochat::Resolve(flags, revision, nanochat::Stage::kBase);
      if (!config) return tl::make_unexpected(config.error());
      inherited.Train(flags, *config->device_batch_size, *config->total_batch_size);
    }
    requests.push_back(std::move(request));
  }
  if (requests.empty()) {
    return UsageError("nothing in the command starts a nanochat program that uses a GPU");
  }
  return requests;
}

}  // namespace vramcast::cli
