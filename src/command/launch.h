// A launch is one command that starts a Python program which may use GPUs: who starts it, how
// often, which program (and nanochat stage) it is, and each flag with the bytes that hold it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "command/shell.h"
#include "command/value.h"
#include "nanochat/config.h"

namespace vramcast::command {

enum class Starter : uint8_t { kPython, kTorchrun, kAccelerate, kDeepspeed, kMpi, kSrun };
std::string_view StarterName(Starter starter);

// What a flag of a program that is not nanochat's does to memory, by its usual name.
enum class Role : uint8_t {
  kOther,
  kDeviceBatch,  // --per_device_train_batch_size, --micro-batch-size, --batch_size, …
  kEvalBatch,    // --per_device_eval_batch_size, …
  kGradAccum,    // --gradient_accumulation_steps, …
  kTotalBatch,   // --global-batch-size, …
  kSequenceLength,
};

struct FlagUse {
  std::string name;            // as nanochat::CanonicalName has it: "device_batch_size"
  std::string spelling;        // as written: "--device_batch_size", "-b"
  Span span;                   // flag and value
  Span name_span;              // what `spelling` came from; empty where it came through a variable
  std::optional<Value> value;  // empty: the flag stands alone
  std::optional<Span> value_span;            // the bytes to overwrite to give it another value
  bool value_in_next_word = false;           // --flag value, not --flag=value
  std::string value_variable;                // the value is this variable's and nothing else
  std::optional<AssignmentSite> assignment;  // where value_variable gets its value
  std::string through;                       // the whole flag came out of this variable
  Role role = Role::kOther;
};

struct EnvironmentSetting {
  std::string name;
  Value value;
  Span span;
};

struct Launch {
  size_t line = 1;  // 1-based, where the command begins
  Span span;        // the simple command in the script's text
  Starter starter = Starter::kPython;
  std::vector<std::string> wrappers;            // "nohup", "uv run", "screen", outermost first
  std::vector<EnvironmentSetting> environment;  // NAME=value before it, `env`, and earlier exports
  Value processes_per_node;  // --nproc_per_node and its like; "1" where nothing asks for more
  Value nodes;               // --nnodes
  std::optional<int64_t> world_size;  // empty: not known from the text
  std::string program;                // "scripts.base_train", "train.py"
  bool is_module = false;
  std::optional<nanochat::Stage> stage;   // empty: not a nanochat program that uses a GPU
  nanochat::Flags flags;                  // what `uses` says, for nanochat's stages
  std::vector<FlagUse> uses;              // the program's own flags, in order
  std::vector<std::string> config_files;  // positional arguments of nanochat's early configurator
  size_t insert_at = 0;                   // where another flag can be written
  std::string insert_separator;           // what to write before it: " ", " -- ", " \\\n    "
  std::vector<std::string> notes;         // what could not be known, in sentences

  bool is_nanochat() const { return stage.has_value(); }
  // The last use of a flag by its name: the one that counts, for argparse and for the configurator.
  const FlagUse* Find(std::string_view name) const;
  const FlagUse* FindRole(Role role) const;
  const EnvironmentSetting* FindEnvironment(std::string_view name) const;
};

// The first of nanochat's stages among `launches`; null if there is none.
const Launch* FirstOfNanochat(std::span<const Launch> launches);

// Shell text with the launches in it, in order. What starts no Python program is not listed.
struct LaunchScript {
  Script script;
  std::vector<Launch> launches;
  std::vector<std::string> scripts;  // shell scripts that it runs: `bash runs/speedrun.sh`
};

LaunchScript ReadLaunches(std::string text);
// argv as a shell gave it, for example what stood after "--"; quoted first, so that spans refer to
// LaunchScript::script.text.
LaunchScript ReadLaunches(std::span<const std::string> argv);

// The nanochat stage that a module ("scripts.base_train") or a path (".../scripts/base_train.py")
// is.
std::optional<nanochat::Stage> StageOfProgram(std::string_view program);

}  // namespace vramcast::command
