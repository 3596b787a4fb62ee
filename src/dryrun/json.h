// A dry run as JSON, schema vramcast.dryrun.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "dryrun/result.h"

namespace vramcast::dryrun {

nlohmann::json ToJson(const DryRun& run);

}  // namespace vramcast::dryrun
