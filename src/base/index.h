// A typed index into a table: the number of a stack cannot be used as the number of a label.
#pragma once

#include <compare>
#include <cstdint>

namespace vramcast {

template <typename Tag>
struct Index {
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t value = kNone;

  constexpr bool valid() const { return value != kNone; }
  constexpr auto operator<=>(const Index&) const = default;
};

}  // namespace vramcast
