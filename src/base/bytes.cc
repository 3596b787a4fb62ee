#include "base/bytes.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"

namespace vramcast {

std::string FormatBytes(Bytes size) {
  int64_t n = size.count();
  if (n < 0) return "-" + FormatBytes(Bytes(-n));
  if (n <= 1024) return fmt::format("{} bytes", n);
  if (n <= (1 << 20)) return fmt::format("{:.2f} KiB", n / 1024.0);
  if (n <= (1 << 30)) return fmt::format("{:.2f} MiB", n / 1048576.0);
  return fmt::format("{:.2f} GiB", n / 1073741824.0);
}

Result<Bytes> ParseBytes(std::string_view text) {
  const std::string lower = ToLower(Trim(text));
  const size_t digits = lower.find_first_not_of("0123456789.");
  const std::optional<double> number = ParseDouble(std::string_view(lower).substr(0, digits));
  const std::string_view unit =
      digits == std::string::npos ? "" : Trim(std::string_view(lower).substr(digits));
  int shift = -1;
  if (unit.empty() || unit == "b" || unit == "byte" || unit == "bytes") shift = 0;
  if (unit == "k" || unit == "kb" || unit == "kib") shift = 10;
  if (unit == "m" || unit == "mb" || unit == "mib") shift = 20;
  if (unit == "g" || unit == "gb" || unit == "gib") shift = 30;
  if (unit == "t" || unit == "tb" || unit == "tib") shift = 40;
  if (!number || shift < 0) {
    return UsageError(fmt::format("'{}' is not a size; write for example 24GiB or 20480MiB", text));
  }
  const double bytes = std::ldexp(*number, shift);
  if (!(bytes >= 0 && bytes < 9.2e18)) return UsageError(fmt::format("'{}' is out of range", text));
  return Bytes(std::llround(bytes));
}

}  // namespace vramcast
