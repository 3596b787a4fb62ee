// Reads the fields of a protobuf message from foreign bytes (protobuf.dev/programming-guides/
// encoding), without knowing the message.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vramcast::monitor {

struct ProtobufField {
  uint32_t number = 0;
  uint64_t value = 0;      // of a varint
  std::string_view bytes;  // of text, bytes and inner messages
};

class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view message) : rest_(message) {}

  // The next field; nothing at the end, or where the bytes are no message (then broken()).
  std::optional<ProtobufField> Next();
  bool broken() const { return broken_; }

 private:
  std::optional<uint64_t> Varint();
  std::optional<ProtobufField> Broken();

  std::string_view rest_;
  bool broken_ = false;
};

}  // namespace vramcast::monitor
