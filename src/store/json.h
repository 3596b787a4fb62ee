// The history's rows as JSON: sizes in bytes, times in seconds since 1970.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "store/rows.h"

namespace vramcast::store {

nlohmann::json ToJson(const RunRow& run);
nlohmann::json ToJson(const Point& point);

}  // namespace vramcast::store
