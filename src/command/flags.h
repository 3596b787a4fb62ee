// The program's own arguments, taken as flags with the bytes that hold them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "command/launch.h"
#include "command/value.h"

namespace vramcast::command {

struct ProgramArguments {
  std::vector<FlagUse> uses;
  std::vector<std::string> positional;  // known ones only
  std::vector<std::string> notes;       // arguments that are not known
};

// `stage` empty: the program is not nanochat's, and `--flag word` is taken as a flag with its value
// unless the word begins with a dash.
ProgramArguments ReadArguments(std::string_view text, std::span<const Argument> arguments,
                               const Variables& variables, std::optional<nanochat::Stage> stage);

// What `uses` says to nanochat. Values that are not known stay empty; each is named in `notes` if
// it decides about memory.
nanochat::Flags ToNanochat(std::span<const FlagUse> uses, nanochat::Stage stage,
                           std::vector<std::string>& notes);

}  // namespace vramcast::command
