// `fix --patch list`: the changes of nanochat's code that exist for a revision, each with what it
// would save.
#pragma once

#include "base/result.h"
#include "cli/fix_source.h"
#include "cli/verb.h"

namespace vramcast::cli {

// For the first program of nanochat in the command that `arguments` name; without a command, base
// training with the revision's defaults. Usage error as for `fix` itself.
Result<Exit> ListPatches(const FixArguments& arguments, bool json, Output& output);

}  // namespace vramcast::cli
