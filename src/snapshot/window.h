// A window onto a Source: a buffer that slides forward, so that a reader sees contiguous bytes and
// checks bounds against one pointer.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "snapshot/source.h"

namespace vramcast::snapshot {

class Window {
 public:
  // Near the end of the window the unread rest is moved to its front; this keeps the rest short.
  static constexpr size_t kSize = 1 << 18;
  static constexpr size_t kReserve = 16 << 10;

  explicit Window(Source& source) : source_(source), buffer_(kSize) {}

  const uint8_t* at = nullptr;   // the next byte
  const uint8_t* end = nullptr;  // one past the last byte that was read

  size_t left() const { return static_cast<size_t>(end - at); }
  uint64_t offset() const { return begin_ + static_cast<uint64_t>(at - buffer_.data()); }
  std::optional<uint64_t> total() const { return source_.size(); }
  bool at_end() const { return ended_; }

  // Makes at least `count` bytes visible, fewer only where the source ends.
  Status Want(size_t count) {
    if (left() >= count || ended_) return {};
    const size_t rest = left();
    if (at != nullptr) begin_ += static_cast<uint64_t>(at - buffer_.data());
    if (rest > 0) std::memmove(buffer_.data(), at, rest);
    if (count > buffer_.size()) buffer_.resize(count + kReserve);
    size_t have = rest;
    while (have < count) {
      const auto n = source_.Read({buffer_.data() + have, buffer_.size() - have});
      if (!n) return tl::make_unexpected(n.error());
      if (*n == 0) {
        ended_ = true;
        break;
      }
      have += *n;
    }
    at = buffer_.data();
    end = at + have;
    return {};
  }

 private:
  Source& source_;
  std::vector<uint8_t> buffer_;
  uint64_t begin_ = 0;  // offset of the buffer's first byte
  bool ended_ = false;
};

}  // namespace vramcast::snapshot
