// Writes the bytes of a W&B file as wandb does, for tests.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vramcast::monitor {

class WandbWriter {
 public:
  using Items = std::vector<std::pair<std::string, std::string>>;  // key, value as JSON

  WandbWriter() { bytes_.append(":W&B\xE1\xBE\0", 7); }

  // A row of history; the number of the row is W&B's own.
  void Row(int64_t number, const Items& items) {
    constexpr int kRecordHistory = 2, kItem = 1, kStep = 2;
    std::string history;
    for (const auto& item : items) history += Message(kItem, ItemOf(item));
    history += Message(kStep, Varint(1, number));
    Record(Message(kRecordHistory, history));
  }
  // The run with its configuration.
  void Run(const Items& items) {
    constexpr int kRecordRun = 17, kConfig = 4, kUpdate = 1;
    std::string config;
    for (const auto& item : items) config += Message(kUpdate, ItemOf(item));
    Record(Message(kRecordRun, Message(kConfig, config)));
  }
  // Console output and the like: a record that tells nothing here, of any size.
  void Other(size_t size) { Record(Message(13, Message(3, std::string(size, 'x')))); }

  const std::string& bytes() const { return bytes_; }

 private:
  static std::string Number(uint64_t value) {
    std::string text;
    for (; value >= 0x80; value >>= 7U) text += static_cast<char>(value | 0x80U);
    return text + static_cast<char>(value);
  }
  static std::string Varint(int field, int64_t value) {
    return value == 0
               ? ""
               : Number(static_cast<uint64_t>(field) << 3U) + Number(static_cast<uint64_t>(value));
  }
  static std::string Message(int field, std::string_view inner) {
    return Number(static_cast<uint64_t>(field) << 3U | 2U) + Number(inner.size()) +
           std::string(inner);
  }
  // Newer versions write keys as nested ones with one part.
  std::string ItemOf(const std::pair<std::string, std::string>& item) {
    nested_ = !nested_;
    return Message(nested_ ? 2 : 1, item.first) + Message(16, item.second);
  }

  void Record(std::string_view data) {
    constexpr size_t kBlock = 32768, kHead = 7;
    enum Type : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };
    bool first = true;
    do {
      size_t left = kBlock - bytes_.size() % kBlock;
      if (left < kHead) {
        bytes_.append(left, '\0');
        left = kBlock;
      }
      const size_t length = std::min(data.size(), left - kHead);
      const bool last = length == data.size();
      Fragment(first ? (last ? kFull : kFirst) : (last ? kLast : kMiddle), data.substr(0, length));
      data.remove_prefix(length);
      first = false;
    } while (!data.empty());
  }
  void Fragment(uint8_t type, std::string_view data) {
    std::string covered(1, static_cast<char>(type));
    covered += data;
    const auto sum = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(covered.data()),
                                                 static_cast<uInt>(covered.size())));
    for (int i = 0; i < 4; ++i) bytes_ += static_cast<char>(sum >> (8 * i));
    bytes_ += static_cast<char>(data.size());
    bytes_ += static_cast<char>(data.size() >> 8U);
    bytes_ += covered;
  }

  std::string bytes_;
  bool nested_ = false;
};

}  // namespace vramcast::monitor
