// What upstream's own launch scripts run at a revision: the stages, in their order, with the flags
// that nanochat's author chose for them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nanochat/config.h"
#include "nanochat/revision.h"

namespace vramcast::nanochat {

struct UpstreamLaunch {
  std::string_view script;  // "scripts.base_train"
  Stage stage = Stage::kBase;
  int64_t processes = 0;                // of torchrun; 0: plain python
  std::vector<std::string_view> flags;  // "--depth=20", "-i=sft"; those with variables left out
};

// `name` is that of the launch script without folder and ending: "speedrun", "run1000",
// "miniseries", "runcpu". Empty if this revision has none of that name.
std::vector<UpstreamLaunch> LaunchesOf(const Revision& revision, std::string_view name);

}  // namespace vramcast::nanochat
