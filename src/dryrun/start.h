// What a launch command starts: the Python program that each rank runs, and how many ranks there
// are. A dry run starts one rank of it directly, without the launcher.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace vramcast::dryrun {

struct Start {
  std::vector<std::pair<std::string, std::string>> environment;  // NAME=value before the command
  std::string python = "python";       // as written; a name to be looked up, or a path
  std::string beside;                  // the launcher's own program, whose Python is meant
  bool project_environment = false;    // `uv run`: the Python of the folder's .venv
  std::vector<std::string> arguments;  // what Python gets: {"-m", "scripts.base_train", …}
  bool distributed = false;            // the launcher sets RANK, WORLD_SIZE, …
  std::optional<int> processes;        // a node's ranks; empty: one for each GPU
  int nodes = 1;
};

// `command` as a shell gave it: environment settings, wrappers (env, nohup, uv run, …), then
// python, torchrun, accelerate launch, deepspeed, or `python -m` of those. kUsage for what starts
// no Python.
Result<Start> ReadStart(std::span<const std::string> command);

}  // namespace vramcast::dryrun
