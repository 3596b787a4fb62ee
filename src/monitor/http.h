// The little HTTP that a scrape needs: one request is read, one answer is written, and the
// connection is closed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vramcast::monitor {

// True once `request` holds a whole header (its end, or more than anyone sends).
bool IsWholeRequest(std::string_view request);

// The answer to a whole request; `metrics` is what /metrics holds, nothing: not yet.
std::string Answer(std::string_view request, const std::optional<std::string>& metrics);

}  // namespace vramcast::monitor
