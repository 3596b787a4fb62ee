// JSON of what this room finds out; names as in DESIGN.md of the project's documentation.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "allocator/play.h"
#include "analysis/growth.h"
#include "analysis/moment.h"
#include "analysis/proof.h"

namespace vramcast {

nlohmann::json ToJson(const AllocatorSettings& settings);
nlohmann::json ToJson(const OutOfMemory& oom);
nlohmann::json ToJson(const Statistics& statistics);
nlohmann::json ToJson(const Proof& proof);  // without its run
nlohmann::json ToJson(const Growth& growth, const Attribution& attribution);
nlohmann::json ToJson(const Skipped& skipped);
nlohmann::json ToJson(const std::vector<Share>& shares, size_t top);
nlohmann::json ToJson(const std::vector<Difference>& differences, size_t top);

}  // namespace vramcast
