#include "crashlog/size_text.h"

#include <cstdint>

namespace vramcast::crashlog {
namespace {

std::optional<int> PowerOf1024(std::string_view unit) {
  if (unit.empty()) {
    return 0;
  }
  switch (unit[0] | 0x20) {
    case 'b':
      return 0;
    case 'k':
      return 1;
    case 'm':
      return 2;
    case 'g':
      return 3;
    case 't':
      return 4;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Bytes> ReadSize(std::string_view number, std::string_view unit) {
  const auto power = PowerOf1024(unit);
  if (!power) {
    return std::nullopt;
  }
  const bool negative = !number.empty() && number[0] == '-';
  if (negative) {
    number.remove_prefix(1);
  }
  // Groups have three digits; fewer behind the only comma are a fraction.
  const size_t comma = number.find(',');
  const bool decimal_comma = comma != std::string_view::npos && number.size() - comma <= 3 &&
                             number.find(',', comma + 1) == std::string_view::npos &&
                             number.find('.') == std::string_view::npos;
  // 18 digits and 40 bits fit 128.
  unsigned __int128 value = 0;
  unsigned __int128 scale = 1;
  int digits = 0;
  bool in_fraction = false;
  for (const char c : number) {
    if (c == ',' && !decimal_comma) {
      continue;
    }
    if (c == '.' || c == ',') {
      if (in_fraction) {
        return std::nullopt;
      }
      in_fraction = true;
      continue;
    }
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    if (digits >= 19) {
      if (in_fraction) {
        continue;  // finer than a byte
      }
      return std::nullopt;
    }
    digits += value > 0 || c != '0' ? 1 : 0;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (in_fraction) {
      if (scale > 1000000000000000000ULL) {
        return std::nullopt;
      }
      scale *= 10;
    }
  }
  if (number.empty()) {
    return std::nullopt;
  }
  value <<= 10 * *power;
  value = (value + scale / 2) / scale;
  if (value > static_cast<unsigned __int128>(INT64_MAX)) {
    return std::nullopt;
  }
  const auto count = static_cast<int64_t>(value);
  return Bytes(negative ? -count : count);
}

}  // namespace vramcast::crashlog
