#include "command/launch.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "command/flags.h"
#include "command/quote.h"
#include "command/starter.h"
#include "nanochat/flags.h"

namespace vramcast::command {
namespace {

using nanochat::Stage;

constexpr int kMaxNesting = 8;  // of bash -c "bash -c …"

// The separator of the command's last two words, if it is nothing but a line continuation.
std::optional<std::string> Continuation(std::string_view text, const std::vector<Word>& words) {
  if (words.size() < 2) return std::nullopt;
  const size_t begin = words[words.size() - 2].span.end;
  const std::string_view between = text.substr(begin, words.back().span.begin - begin);
  if (between.find('\n') == std::string_view::npos ||
      between.find_first_not_of(" \t\r\n\\") != std::string_view::npos) {
    return std::nullopt;
  }
  return std::string(between);
}

std::optional<int64_t> Count(const Value& value) {
  return value.text ? ParseInt(*value.text) : std::nullopt;
}

class Reader {
 public:
  explicit Reader(LaunchScript& result) : result_(result) {}

  void Read(const std::vector<Command>& commands, int nesting) {
    for (const Command& command : commands) {
      if (!command.words.empty() && command.kind == CommandKind::kSimple) {
        ReadCommand(command, nesting);
      }
      variables_.Observe(text(), command);
      Export(command);
    }
  }

 private:
  std::string_view text() const { return result_.script.text; }

  void ReadCommand(const Command& command, int nesting) {
    std::vector<Argument> arguments;
    for (const Word& word : command.words) {
      for (Argument& argument : variables_.Expand(word)) arguments.push_back(std::move(argument));
    }
    const Start start = ReadStart(text(), arguments);
    for (const std::string& script : start.scripts) result_.scripts.push_back(script);
    if (nesting < kMaxNesting) {
      for (const Span& span : start.nested) Read(ParseCommands(text(), span), nesting + 1);
    }
    if (!start.starter) return;
    const Value& program = arguments[start.program].value;
    if (!program.text) return;
    AddLaunch(command, arguments, start);
  }

  void AddLaunch(const Command& command, const std::vector<Argument>& arguments,
                 const Start& start) {
    Launch launch;
    launch.span = command.span;
    launch.line = command.line;
    launch.starter = *start.starter;
    launch.wrappers = start.wrappers;
    launch.is_module = start.is_module;
    launch.program = *arguments[start.program].value.text;
    launch.stage = StageOfProgram(launch.program);
    launch.processes_per_node = start.processes;
    launch.nodes = start.nodes;
    SetWorldSize(launch, start);
    launch.environment = exported_;
    for (const Assignment& assignment : command.assignments) {
      if (assignment.is_array) continue;
      launch.environment.push_back(
          {assignment.name, variables_.Evaluate(assignment.words.front().pieces), assignment.span});
    }
    launch.environment.insert(launch.environment.end(), start.environment.begin(),
                              start.environment.end());

    const auto rest = std::span(arguments).subspan(start.program + 1);
    ProgramArguments read = ReadArguments(text(), rest, variables_, launch.stage);
    launch.uses = std::move(read.uses);
    launch.notes = std::move(read.notes);
    if (launch.stage) {
      launch.flags = ToNanochat(launch.uses, *launch.stage, launch.notes);
      launch.flags.world_size = launch.world_size;
      launch.flags.launcher = launch.starter == Starter::kPython ? nanochat::Launcher::kPython
                                                                 : nanochat::Launcher::kTorchrun;
      ReadDtype(launch);
      launch.config_files = std::move(read.positional);
      for (const std::string& file : launch.config_files) {
        launch.notes.push_back("the settings in " + file + " are not read");
      }
      if (!launch.world_size) {
        launch.notes.push_back("the number of processes is not known: " +
                               (launch.processes_per_node.text
                                    ? launch.nodes.why_unknown
                                    : launch.processes_per_node.why_unknown));
      }
    }
    launch.insert_at = command.words.back().span.end;
    launch.insert_separator = Continuation(text(), command.words).value_or(" ");
    if (rest.empty() && launch.starter == Starter::kTorchrun) launch.insert_separator = " -- ";
    result_.launches.push_back(std::move(launch));
  }

  static void SetWorldSize(Launch& launch, const Start& start) {
    const auto processes = Count(start.processes), nodes = Count(start.nodes);
    if (!processes || (!nodes && !start.processes_are_total)) return;
    const int64_t factor = start.processes_are_total ? 1 : *nodes;
    int64_t world = 0;
    if (!__builtin_mul_overflow(*processes, factor, &world) && world > 0) launch.world_size = world;
  }

  // NANOCHAT_DTYPE sets COMPUTE_DTYPE since March 2026 (nanochat/common.py).
  static void ReadDtype(Launch& launch) {
    const EnvironmentSetting* setting = launch.FindEnvironment("NANOCHAT_DTYPE");
    if (setting == nullptr || !setting->value.text) return;
    const std::string& text = *setting->value.text;
    if (text == "bfloat16") launch.flags.dtype = nanochat::Dtype::kBf16;
    if (text == "float16") launch.flags.dtype = nanochat::Dtype::kFp16;
    if (text == "float32") launch.flags.dtype = nanochat::Dtype::kFp32;
  }

  void Export(const Command& command) {
    if (command.words.empty() || command.words.front().literal() != "export") return;
    for (const Assignment& assignment : command.assignments) {
      std::erase_if(exported_, [&](const auto& known) { return known.name == assignment.name; });
      if (assignment.is_array) continue;
      exported_.push_back(
          {assignment.name, variables_.Evaluate(assignment.words.front().pieces), assignment.span});
    }
  }

  LaunchScript& result_;
  Variables variables_;
  std::vector<EnvironmentSetting> exported_;
};

}  // namespace

std::string_view StarterName(Starter starter) {
  switch (starter) {
    case Starter::kPython:
      return "python";
    case Starter::kTorchrun:
      return "torchrun";
    case Starter::kAccelerate:
      return "accelerate";
    case Starter::kDeepspeed:
      return "deepspeed";
    case Starter::kMpi:
      return "mpirun";
    case Starter::kSrun:
      return "srun";
  }
  return "";
}

const FlagUse* Launch::Find(std::string_view name) const {
  const std::string canonical = nanochat::CanonicalName(name);
  const auto found = std::find_if(uses.rbegin(), uses.rend(),
                                  [&](const FlagUse& use) { return use.name == canonical; });
  return found == uses.rend() ? nullptr : &*found;
}

const Launch* FirstOfNanochat(std::span<const Launch> launches) {
  const auto found = std::find_if(launches.begin(), launches.end(),
                                  [](const Launch& launch) { return launch.is_nanochat(); });
  return found == launches.end() ? nullptr : &*found;
}

const FlagUse* Launch::FindRole(Role role) const {
  const auto found = std::find_if(uses.rbegin(), uses.rend(),
                                  [role](const FlagUse& use) { return use.role == role; });
  return found == uses.rend() ? nullptr : &*found;
}

const EnvironmentSetting* Launch::FindEnvironment(std::string_view name) const {
  const auto found =
      std::find_if(environment.rbegin(), environment.rend(),
                   [name](const EnvironmentSetting& setting) { return setting.name == name; });
  return found == environment.rend() ? nullptr : &*found;
}

LaunchScript ReadLaunches(std::string text) {
  LaunchScript result;
  result.script = ParseScript(std::move(text));
  Reader(result).Read(result.script.commands, 0);
  return result;
}

LaunchScript ReadLaunches(std::span<const std::string> argv) {
  return ReadLaunches(QuoteCommand(argv));
}

std::optional<Stage> StageOfProgram(std::string_view program) {
  if (program.ends_with(".py")) program.remove_suffix(3);
  const size_t cut = program.find_last_of("./");
  const std::string_view folder = cut == program.npos ? "" : program.substr(0, cut);
  if (!folder.empty() && !folder.ends_with("scripts") && folder != ".") return std::nullopt;
  return nanochat::StageOf(program);
}

}  // namespace vramcast::command
