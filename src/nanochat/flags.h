// The flags that each script of each revision has, with their defaults: so that a printed command
// never holds a flag that the code lacks, and a value that was not given is the right default.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "nanochat/config.h"
#include "nanochat/revision.h"

namespace vramcast::nanochat {

enum class FlagType : uint8_t { kInt, kFloat, kString, kBool, kSwitch /* store_true */ };

struct FlagSpec {
  std::string name;           // with underscores: "device_batch_size"
  std::string_view spelling;  // as the script takes it: "device-batch-size"
  FlagType type = FlagType::kInt;
  std::string_view default_value;  // "32", "-1", "True"; empty: none or the empty string
  char letter = 0;                 // of the short form, as in chat_eval's -b; 0: none
};

// The script of a stage as a module: "scripts.base_train". kBaseEval is "scripts.base_eval".
std::string_view ScriptOf(Stage stage);
// Any spelling of a script ("scripts.base_train", "scripts/base_train.py", "base_train") to its
// stage; base_loss, a script of its own until February 2026, is kBaseEval.
std::optional<Stage> StageOf(std::string_view script);

// The flags of a script at a revision, in the order of the source; empty if it has no such script.
// The result lives as long as the program.
const std::vector<FlagSpec>& FlagsOf(const Revision& revision, std::string_view script);
// One of them by any spelling of its name, or by its letter ("-b").
std::optional<FlagSpec> FindFlag(const Revision& revision, std::string_view script,
                                 std::string_view name);
// The flag that sets the sequences per micro-step of a script: "device_batch_size", or "batch_size"
// where that is its name; nothing if the script has neither.
std::optional<std::string> BatchFlagOf(const Revision& revision, std::string_view script);
bool HasScript(const Revision& revision, std::string_view script);

// The environment variable by which the script asks for expandable_segments:True, or nothing.
// "PYTORCH_ALLOC_CONF" is not read by the CUDA allocator of PyTorch 2.9, for which those scripts
// are.
std::optional<std::string_view> AllocConfVariable(const Revision& revision,
                                                  std::string_view script);

// How this script of this revision takes the flag: "--device-batch-size" or "--device_batch_size".
// Underscores where it lacks the flag and takes no dashes at all.
std::string Spell(const Revision& revision, std::string_view script, std::string_view name);

// "--device-batch-size" or "device_batch_size" to "device_batch_size".
std::string CanonicalName(std::string_view flag);

// The flag of this script (as Spell writes it) that was probably meant by a name that it lacks:
// other names of the same thing first ("seq_len" is max_seq_len), then the nearest by spelling.
std::optional<std::string> SuggestFlag(const Revision& revision, std::string_view script,
                                       std::string_view name);

// Stores one flag and its value into `flags`; names that memory does not depend on go to `others`.
// A switch has the value "" or "True". Usage error if the value cannot be what the flag takes.
Status SetFlag(Flags& flags, std::string_view name, std::string_view value);

// Reads arguments: "--depth=20", "--depth 20", "--fp8", and letters where `specs` (of the script,
// if it is known) has them. A lone "--" is passed over. Usage error for anything that is not a
// flag.
Result<Flags> ParseFlags(std::span<const std::string> arguments,
                         std::span<const FlagSpec> specs = {});

}  // namespace vramcast::nanochat
