#include "cli/launch_requests.h"

#include <utility>

#include "base/text.h"
#include "cli/fix_source.h"
#include "command/dialect.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {

using nanochat::Flags;

// What a checkpoint fixes for the stages that load it.
void Inherit(const Flags& from, Flags* to) {
  const auto take = [&](auto field) {
    if (!(to->*field)) to->*field = from.*field;
  };
  take(&Flags::depth);
  take(&Flags::aspect_ratio);
  take(&Flags::head_dim);
  take(&Flags::window_pattern);
  take(&Flags::vocab_size);
}

// Flags that this stage's script takes over from the checkpoint where they have no default.
void InheritBatch(const nanochat::Revision& revision, const std::string& module, const Flags& from,
                  Flags* to) {
  const auto take = [&](const char* name, auto field) {
    const auto spec = nanochat::FindFlag(revision, module, name);
    if (!(to->*field) && (!spec || spec->default_value.empty())) to->*field = from.*field;
  };
  take("max_seq_len", &Flags::max_seq_len);
  take("device_batch_size", &Flags::device_batch_size);
  take("total_batch_size", &Flags::total_batch_size);
}

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
  nanochat::Revision revision = nanochat::HeadRevision();
  const bool named = options.names_revision();
  if (base.revision) {
    revision = *base.revision;
  } else if (named) {
    const auto found = nanochat::FindRevision(*base.flags.revision);
    if (!found) return tl::make_unexpected(found.error());
    revision = *found;
  } else if (const auto dialect = command::RevisionOf(script->launches)) {
    revision = *dialect;
  }
  std::vector<LaunchRequest> requests;
  Flags trained;  // by the base training so far
  for (const command::Launch& launch : script->launches) {
    const std::string module = command::ModuleOf(launch.program);
    if (const auto size = command::TokenizerVocabulary(launch)) trained.vocab_size = *size;
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
    Inherit(trained, &flags);
    if (launch.stage != nanochat::Stage::kBase) {
      InheritBatch(revision, module, trained, &flags);
    }
    if (auto status = options.Apply(&flags); !status) return tl::make_unexpected(status.error());
    if (launch.stage == nanochat::Stage::kBase) {
      const auto vocabulary = trained.vocab_size;
      trained = flags;
      if (!trained.vocab_size) trained.vocab_size = vocabulary;
    }
    requests.push_back(std::move(request));
  }
  if (requests.empty()) {
    return UsageError("nothing in the command starts a nanochat program that uses a GPU");
  }
  return requests;
}

}  // namespace vramcast::cli
