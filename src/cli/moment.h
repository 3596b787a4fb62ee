// Moments as people write and read them: "2h" ago, a date, a date with a time.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace vramcast::cli {

// "90s", "30min", "2h", "3d", "2w": seconds. Usage error otherwise.
Result<double> ParseSpan(std::string_view text);

// A span before `now`, or a date of this machine's time zone: "2026-01-31", "2026-01-31 14:30",
// "2026-01-31T14:30:05". Seconds since 1970; usage error otherwise.
Result<double> ParseMoment(std::string_view text, double now);

// "2026-01-31 14:30", in this machine's time zone.
std::string FormatMoment(double time);

}  // namespace vramcast::cli
