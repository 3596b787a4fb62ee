// What is left of a run that died: its newest usable checkpoint and the command that goes on from
// it, or why there is none.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "command/launch.h"
#include "forecast/forecast.h"
#include "nanochat/checkpoint.h"
#include "nanochat/revision.h"

namespace vramcast::cli {

struct Saved {
  std::optional<nanochat::Checkpoint> checkpoint;
  std::optional<std::string> command;  // the text with --resume-from-step in its launch
  std::vector<std::string> sentences;
};

// `launch` is one of `script`'s, a base training run; `depth` names its folder where no --model-tag
// does. `died_at`: the last step that the log shows. `base`: nanochat's folder for results.
Saved FindSaved(const command::LaunchScript& script, const command::Launch& launch,
                const nanochat::Revision& revision, std::optional<int64_t> depth,
                std::optional<int64_t> died_at, const std::filesystem::path& base);

// What the checkpoint that a later stage loads says of the model: the one of its --model-tag, else
// the deepest, as nanochat's find_largest_model chooses. Empty flags where there is none.
nanochat::Flags FlagsOfCheckpoint(const command::Launch& launch, const std::filesystem::path& base);

// NANOCHAT_BASE_DIR as the launch sets it, else as this machine's environment does.
std::filesystem::path ResultsFolder(const command::Launch& launch);

}  // namespace vramcast::cli
