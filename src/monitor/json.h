// Reports as JSON: a sample as it is recorded, with what the detectors say added to it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "monitor/watcher.h"

namespace vramcast::monitor {

nlohmann::json ToJson(const Growth& growth);
nlohmann::json ToJson(const UpcomingPhase& phase, const Report& report);
// `type` is "sample", or "summary" for the last line of a watch.
nlohmann::json ToJson(const Report& report, const char* type);

}  // namespace vramcast::monitor
