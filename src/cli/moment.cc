#include "cli/moment.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <ctime>

#include "base/text.h"

namespace vramcast::cli {
namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array kUnits = {Unit{"s", 1},       Unit{"min", 60},    Unit{"m", 60},
                               Unit{"h", 3600},    Unit{"d", 86400},   Unit{"w", 604800},
                               Unit{"day", 86400}, Unit{"days", 86400}};

}  // namespace

Result<double> ParseSpan(std::string_view text) {
  const size_t end = text.find_first_not_of("0123456789.");
  if (end != std::string_view::npos && end > 0) {
    const auto value = ParseDouble(text.substr(0, end));
    for (const Unit& unit : kUnits) {
      if (value && Trim(text.substr(end)) == unit.name) return *value * unit.seconds;
    }
  }
  return UsageError(fmt::format("'{}' is no span of time: 90s, 30min, 2h, 3d or 2w", text));
}

Result<double> ParseMoment(std::string_view text, double now) {
  if (const auto span = ParseSpan(text)) return now - *span;
  for (const char* format :
       {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"}) {
    std::tm local{};
    const std::string copy(text);
    const char* end = strptime(copy.c_str(), format, &local);
    if (end == nullptr || *end != '\0') continue;
    local.tm_isdst = -1;
    return static_cast<double>(std::mktime(&local));
  }
  return UsageError(
      fmt::format("'{}' is no moment: 2h or 3d ago, 2026-01-31, '2026-01-31 14:30'", text));
}

std::string FormatMoment(double time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:%Y-%m-%d %H:%M}", local);
}

}  // namespace vramcast::cli
