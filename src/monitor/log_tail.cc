#include "monitor/log_tail.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vramcast::monitor {

LogTail::~LogTail() { Close(); }

void LogTail::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Status LogTail::Open() {
  // A pipe without a writer would block.
  fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) {
    return UnreadableError(fmt::format("{} cannot be opened: {}", path_, std::strerror(errno)));
  }
  struct stat facts {};
  if (fstat(fd_, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    Close();
    return UnreadableError(fmt::format("{} is not a file that can be followed", path_));
  }
  device_ = facts.st_dev;
  inode_ = facts.st_ino;
  restarted_ = was_open_;
  was_open_ = true;
  at_ = 0;
  return {};
}

bool LogTail::IsReplaced() const {
  struct stat facts {};
  return stat(path_.c_str(), &facts) == 0 && (facts.st_ino != inode_ || facts.st_dev != device_);
}

Result<LogTail::Piece> LogTail::Next() {
  if (fd_ < 0) {
    const bool waits = was_open_;
    if (auto opened = Open(); !opened) {
      if (waits) return Piece{};
      return tl::make_unexpected(opened.error());
    }
  }
  struct stat facts {};
  if (fstat(fd_, &facts) != 0) return UnreadableError(path_ + " can no longer be read");
  const auto size = static_cast<uint64_t>(std::max<off_t>(facts.st_size, 0));
  if (size < at_) {
    at_ = 0;
    restarted_ = true;
  }
  if (size == at_) {
    if (!IsReplaced()) return Piece{};
    Close();
    return Next();
  }
  Piece piece;
  if (at_ >= kHead && size - at_ > kBehind) {
    passed_over_ += size - kBack - at_;
    at_ = size - kBack;
    piece.gap = true;
  }
  size_t wanted = static_cast<size_t>(std::min<uint64_t>(size - at_, kPiece));
  if (at_ < kHead) wanted = static_cast<size_t>(std::min<uint64_t>(wanted, kHead - at_));
  buffer_.resize(wanted);
  const ssize_t got = pread(fd_, buffer_.data(), wanted, static_cast<off_t>(at_));
  if (got < 0 && errno == EINTR) return Piece{};
  if (got < 0) {
    return UnreadableError(fmt::format("{} cannot be read: {}", path_, std::strerror(errno)));
  }
  piece.bytes = std::string_view(buffer_).substr(0, static_cast<size_t>(got));
  piece.offset = at_;
  piece.restarted = restarted_;
  restarted_ = false;
  at_ += static_cast<uint64_t>(got);
  return piece;
}

}  // namespace vramcast::monitor
