// What the readers put on their stacks: eight bytes that are a small value or name a record of the
// Builder. Nothing in a snapshot is ever turned into a tree of objects.
#pragma once

#include <cstdint>

namespace vramcast::snapshot {

enum class Tag : uint8_t {
  kNone,
  kBool,
  kInt,     // 55 bits and a sign
  kBig,     // Builder::big: 64 bits, unsigned
  kFloat,   // Builder::floats
  kString,  // Recording::strings
  kPair,    // Recording::pools: a tuple of two integers
  kOpaque,  // of no interest, or not understood
  kEmptyList,
  kEmptyDict,
  // Dictionaries, by what they describe; the payload is a row of the Builder.
  kOtherDict,
  kFrame,
  kEvent,
  kBlock,
  kSegment,
  kAnnotation,
  kSettings,
  kDivisions,
  kTop,
  // Lists, by what they hold.
  kStack,  // Recording::stacks
  kList,   // Builder::lists
};

class Value {
 public:
  constexpr Value() = default;
  constexpr Value(Tag tag, uint64_t payload)
      : bits_(static_cast<uint64_t>(tag) << 56 | (payload & kPayload)) {}

  constexpr Tag tag() const { return static_cast<Tag>(bits_ >> 56); }
  constexpr uint64_t payload() const { return bits_ & kPayload; }
  constexpr uint32_t index() const { return static_cast<uint32_t>(bits_); }
  // Of kInt: the sign is the payload's highest bit.
  constexpr int64_t integer() const { return static_cast<int64_t>(bits_ << 8) >> 8; }
  constexpr bool operator==(const Value&) const = default;

  static constexpr bool FitsInt(int64_t value) {
    return value >= -(int64_t{1} << 55) && value < (int64_t{1} << 55);
  }

 private:
  static constexpr uint64_t kPayload = (uint64_t{1} << 56) - 1;
  uint64_t bits_ = 0;
};
static_assert(Value(Tag::kInt, static_cast<uint64_t>(-5)).integer() == -5);

}  // namespace vramcast::snapshot
