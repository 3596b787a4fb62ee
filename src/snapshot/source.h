// Where the bytes of a snapshot come from: a file, memory, or a container around either. A source
// is read once, front to back, so that a file of any size needs only a window of memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace vramcast::snapshot {

class Source {
 public:
  virtual ~Source() = default;
  // Fills the front of `into`; returns how many bytes, 0 only at the end.
  virtual Result<size_t> Read(std::span<uint8_t> into) = 0;
  // How many bytes there are in all, where that is known from the start.
  virtual std::optional<uint64_t> size() const { return std::nullopt; }
};

Result<std::unique_ptr<Source>> OpenFile(const std::string& path);   // "-": standard input
std::unique_ptr<Source> FromMemory(std::span<const uint8_t> bytes);  // which must outlive it

// Unpacks what is around a snapshot, as often as it is packed (at most four times): gzip, zstd, the
// first file of a zip archive, the base64 text in an HTML page of memory_viz.
Result<std::unique_ptr<Source>> Unpack(std::unique_ptr<Source> packed);

// A source whose first bytes can be looked at before they are read.
class PeekSource final : public Source {
 public:
  explicit PeekSource(std::unique_ptr<Source> inner) : inner_(std::move(inner)) {}
  // Up to `count` first bytes; fewer only where the source ends.
  Result<std::span<const uint8_t>> Peek(size_t count);
  Result<size_t> Read(std::span<uint8_t> into) override;
  std::optional<uint64_t> size() const override { return inner_->size(); }

 private:
  std::unique_ptr<Source> inner_;
  std::vector<uint8_t> head_;
  size_t at_ = 0;
};

}  // namespace vramcast::snapshot
