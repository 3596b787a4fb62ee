// Changes flags of a launch and writes the text back with every other byte as it was.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "command/launch.h"

namespace vramcast::command {

enum class EditKind : uint8_t { kSet, kRemove, kRename };

struct FlagEdit {
  EditKind kind = EditKind::kSet;
  std::string name;   // found in any spelling: "device-batch-size"
  std::string value;  // of kSet; empty for a flag that stands alone
  std::string
      spelling;  // "--device_batch_size": for kRename, and for kSet where it is not there yet
};

// One thing that was changed, for people.
struct Change {
  EditKind kind = EditKind::kSet;
  std::string flag;  // as it is now spelled; of kRemove: as it was
  // The value, of kRename the spelling; empty: the flag was not there or has none.
  std::optional<std::string> before;
  std::optional<std::string> after;
  size_t line = 1;    // of the bytes that changed, in the new text
  std::string where;  // "in the command", "at the assignment of BATCH", "in place of $BATCH, …"
};

struct Edited {
  std::string text;
  std::vector<Change> changes;  // only what really differs
};

// Applies all edits to one launch of `script`. A value that comes from a variable is edited at that
// variable's assignment if nothing else uses the variable, else written in its place. Usage error
// if a flag that is to be renamed is not there, or an edit names neither flag nor spelling.
Result<Edited> EditLaunch(const LaunchScript& script, const Launch& launch,
                          std::span<const FlagEdit> edits);

// The same for NAME=value before the command (or in `env`, or at an earlier export).
Result<Edited> SetEnvironment(const LaunchScript& script, const Launch& launch,
                              std::string_view name, std::string_view value);

// A unified difference of two texts by lines, with `context` lines around each change.
std::string Difference(std::string_view before, std::string_view after,
                       std::string_view before_name, std::string_view after_name, int context = 2);

}  // namespace vramcast::command
