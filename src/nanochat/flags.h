// The flags that each script of each revision has, with their defaults: so that a printed command
// never holds a flag that the code lacks, and a value that was not given is the right default.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "nanochat/config.h"
#include "nanochat/revision.h"

namespace vramcast::nanochat {

enum class FlagType : uint8_t { kInt, kFloat, kString, kBool, kSwitch /* store_true */ };

struct FlagSpec {
  std::string_view name;  // as written in Python, underscores: "device_batch_size"
  FlagType type = FlagType::kInt;
  std::string_view default_value;  // "32", "-1", "True"; empty: none or the empty string
};

// The name of the stage's script as a module: "scripts.base_train". Base evaluation is
// "scripts.base_eval" or, for the loss in its own script until January 2026, "scripts.base_loss".
std::string_view ScriptOf(Stage stage);
// Any spelling of a script ("scripts.base_train", "scripts/base_train.py") to its stage.
std::optional<Stage> StageOf(std::string_view script);

// The flags of a script at a revision, in the order of the source; empty if it has no such script.
std::vector<FlagSpec> FlagsOf(const Revision& revision, std::string_view script);
std::optional<FlagSpec> FindFlag(const Revision& revision, std::string_view script,
                                 std::string_view name);

// How the flag is written for this revision: "--device-batch-size" or "--device_batch_size".
std::string Spell(const Revision& revision, std::string_view name);

// Reads one flag in either spelling ("--depth", "--depth=20" without its value,
// "device_batch_size") into its Python name; leading dashes are dropped and dashes become
// underscores.
std::string CanonicalName(std::string_view flag);

// The flag of this script that was probably meant by a name it lacks: older and newer names of the
// same thing first ("seq_len" is max_seq_len), else the nearest by spelling.
std::optional<std::string> SuggestFlag(const Revision& revision, std::string_view script,
                                       std::string_view name);

// Stores one flag and its value into `flags`; names that memory does not depend on go to `others`.
// Usage error if the value cannot be what the flag takes.
Status SetFlag(Flags& flags, std::string_view name, std::string_view value);

// Reads arguments ("--depth=20", "--depth 20", "--fp8", "run=x.py" is refused) of one script.
Result<Flags> ParseFlags(const std::vector<std::string>& arguments);

}  // namespace vramcast::nanochat
