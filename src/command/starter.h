// The front part of a command: wrappers (nohup, uv run, srun, …) and what starts the program
// (python, torchrun, accelerate, …) with its own options, up to the program's name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "command/launch.h"
#include "command/value.h"

namespace vramcast::command {

struct Start {
  std::vector<std::string> wrappers;
  std::vector<EnvironmentSetting> environment;  // from `env NAME=value`
  std::optional<Starter> starter;  // empty: this command starts no Python program itself
  Value processes;                 // per node; of `total` processes where it says so
  Value nodes;
  bool processes_are_total = false;
  bool is_module = false;
  size_t program = 0;                // index of the argument that names it
  std::vector<Span> nested;          // text of commands inside quotes: bash -c '…'
  std::vector<std::string> scripts;  // shell scripts that are run
};

Start ReadStart(std::string_view text, std::span<const Argument> arguments);

}  // namespace vramcast::command
