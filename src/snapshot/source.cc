#include "snapshot/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vramcast::snapshot {
namespace {

class FileSource final : public Source {
 public:
  FileSource(int descriptor, std::string path, std::optional<uint64_t> size = {})
      : fd_(descriptor), path_(std::move(path)), size_(size) {}
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override {
    if (fd_ > 0) close(fd_);
  }

  Result<size_t> Read(std::span<uint8_t> into) override {
    for (;;) {
      const ssize_t n = read(fd_, into.data(), into.size());
      if (n >= 0) {
        offset_ += static_cast<uint64_t>(n);
        return static_cast<size_t>(n);
      }
      if (errno == EINTR) continue;
      return UnreadableError(fmt::format("{}: {}", path_, std::strerror(errno)), offset_);
    }
  }

  std::optional<uint64_t> size() const override { return size_; }

 private:
  int fd_;
  std::string path_;
  std::optional<uint64_t> size_;
  uint64_t offset_ = 0;
};

class MemorySource final : public Source {
 public:
  explicit MemorySource(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  Result<size_t> Read(std::span<uint8_t> into) override {
    const size_t n = std::min(into.size(), bytes_.size());
    if (n > 0) std::memcpy(into.data(), bytes_.data(), n);
    bytes_ = bytes_.subspan(n);
    return n;
  }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace

Result<std::unique_ptr<Source>> OpenFile(const std::string& path) {
  if (path == "-") return std::make_unique<FileSource>(STDIN_FILENO, "standard input");
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return UnreadableError(fmt::format("{}: {}", path, std::strerror(errno)));
  struct stat status = {};
  std::optional<uint64_t> size;
  if (fstat(fd, &status) == 0) {
    if (S_ISDIR(status.st_mode)) {
      close(fd);
      return UnreadableError(path + " is a folder, not a snapshot");
    }
    if (S_ISREG(status.st_mode)) size = static_cast<uint64_t>(status.st_size);
  }
  return std::make_unique<FileSource>(fd, path, size);
}

std::unique_ptr<Source> FromMemory(std::span<const uint8_t> bytes) {
  return std::make_unique<MemorySource>(bytes);
}

Result<std::span<const uint8_t>> PeekSource::Peek(size_t count) {
  while (head_.size() < count) {
    const size_t have = head_.size();
    head_.resize(count);
    const auto n = inner_->Read({head_.data() + have, count - have});
    if (!n) {
      head_.resize(have);
      return tl::make_unexpected(n.error());
    }
    head_.resize(have + *n);
    if (*n == 0) break;
  }
  return std::span<const uint8_t>(head_);
}

Result<size_t> PeekSource::Read(std::span<uint8_t> into) {
  if (at_ < head_.size()) {
    const size_t n = std::min(into.size(), head_.size() - at_);
    std::memcpy(into.data(), head_.data() + at_, n);
    at_ += n;
    return n;
  }
  return inner_->Read(into);
}

}  // namespace vramcast::snapshot
