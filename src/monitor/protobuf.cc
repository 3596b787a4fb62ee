#include "monitor/protobuf.h"

namespace vramcast::monitor {

std::optional<uint64_t> ProtobufReader::Varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) return std::nullopt;
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

std::optional<ProtobufField> ProtobufReader::Broken() {
  broken_ = true;
  rest_ = {};
  return std::nullopt;
}

std::optional<ProtobufField> ProtobufReader::Next() {
  enum Wire : uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };
  if (rest_.empty()) return std::nullopt;
  const auto tag = Varint();
  if (!tag || *tag >> 3U == 0 || *tag >> 32U != 0) return Broken();
  ProtobufField field{.number = static_cast<uint32_t>(*tag >> 3U)};
  size_t skip = 0;
  switch (*tag & 7U) {
    case kVarint: {
      const auto value = Varint();
      if (!value) return Broken();
      field.value = *value;
      return field;
    }
    case kLength: {
      const auto length = Varint();
      if (!length || *length > rest_.size()) return Broken();
      skip = static_cast<size_t>(*length);
      break;
    }
    case kFixed64:
      skip = 8;
      break;
    case kFixed32:
      skip = 4;
      break;
    default:
      return Broken();
  }
  if (skip > rest_.size()) return Broken();
  if ((*tag & 7U) == kLength) field.bytes = rest_.substr(0, skip);
  rest_.remove_prefix(skip);
  return field;
}

}  // namespace vramcast::monitor
