// Which revision of nanochat a command was written for, where nobody says: flags came, went and
// changed their spelling, so that a command fits some revisions and not others.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "command/edit.h"
#include "command/launch.h"
#include "nanochat/revision.h"

namespace vramcast::command {

// "scripts.base_train" for "scripts/base_train.py", "base_train.py" and "scripts.base_train".
std::string ModuleOf(std::string_view program);

// The vocabulary that `scripts.tok_train` gives every model after it; nothing for another program
// or a size that the text does not tell.
std::optional<int64_t> TokenizerVocabulary(const Launch& launch);

// The newest revision that has the scripts and flags of these launches in their spelling, or the
// one that lacks the fewest. Nothing if there is no launch of nanochat.
std::optional<nanochat::Revision> RevisionOf(std::span<const Launch> launches);

// What must change for `revision` to take a launch's flags at all.
struct Translation {
  std::vector<FlagEdit> edits;
  std::vector<std::string> reasons;  // one sentence for each edit
  std::vector<std::string> notes;    // what is doubtful and left as it is
};
Translation Translate(const Launch& launch, const nanochat::Revision& revision);

}  // namespace vramcast::command
