// The command that runs what `fit` found: nanochat's own launch line at that revision.
#pragma once

#include <string>
#include <vector>

#include "forecast/fit.h"
#include "nanochat/revision.h"

namespace vramcast::cli {

// "torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- --depth=20
// --device-batch-size=16"; only flags that the revision has, only those that were given or found.
std::string CommandOf(const forecast::Fit& fit, const nanochat::Revision& revision);

// The same, word by word.
std::vector<std::string> CommandWords(const forecast::Fit& fit, const nanochat::Revision& revision);

}  // namespace vramcast::cli
