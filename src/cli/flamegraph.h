// A flame graph of what was allocated, as one SVG file that needs nothing else.
#pragma once

#include <string>
#include <vector>

#include "analysis/attribution.h"
#include "analysis/moment.h"

namespace vramcast::cli {

std::string FlameGraph(const std::vector<LiveBlock>& blocks, const Attribution& attribution,
                       const std::string& title);

}  // namespace vramcast::cli
