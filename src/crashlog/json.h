// The JSON of an event: the keys of diagnose's `oom` and `events[]`.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "crashlog/event.h"

namespace vramcast::crashlog {

nlohmann::json ToJson(const OomEvent& event);

}  // namespace vramcast::crashlog
