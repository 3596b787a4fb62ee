#include "supervise/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace vramcast::supervise {
namespace {

constexpr size_t kBuffer = size_t{1} << 18;

// A file takes any number of bytes at once; a pipe or a terminal that is ready takes at least
// PIPE_BUF of them without making the writer wait.
size_t ChunkOf(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? kBuffer : PIPE_BUF;
}

}  // namespace

Relay::Relay(Descriptor from, int to, const OutputTap& tap)
    : from_(std::move(from)), to_(to), tap_(tap), chunk_(ChunkOf(to)), buffer_(kBuffer, '\0') {
  fcntl(from_.get(), F_SETPIPE_SZ, static_cast<int>(kBuffer));  // fewer, larger steps; not vital
}

pollfd Relay::Waiting() const {
  if (!pending_.empty()) return {to_, POLLOUT, 0};
  return {from_.get(), POLLIN, 0};
}

bool Relay::Move(short events) {
  if (events == 0) return false;
  bool came = false;
  if (pending_.empty()) came = Read();
  // A file is always ready; anything else is asked first.
  if (!pending_.empty() && (!came || chunk_ == kBuffer)) Write();
  return came;
}

void Relay::Abandon() {
  dropped_ += pending_.size();
  pending_ = {};
  from_.Close();
}

// A pseudo-terminal whose last user is gone reads as EIO.
bool Relay::Read() {
  const ssize_t got = read(from_.get(), buffer_.data(), buffer_.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  if (got <= 0) {
    from_.Close();
    return false;
  }
  pending_ = std::string_view(buffer_.data(), static_cast<size_t>(got));
  if (tap_) tap_(pending_);
  return true;
}

void Relay::Write() {
  const ssize_t put = write(to_, pending_.data(), std::min(pending_.size(), chunk_));
  if (put >= 0) {
    pending_.remove_prefix(static_cast<size_t>(put));
  } else if (errno == EPIPE) {
    // Nobody reads any more: the command shall notice, as it would without this program.
    pending_ = {};
    from_.Close();
  } else if (errno != EINTR && errno != EAGAIN) {
    why_dropped_ = errno;  // a full disk must not stop the run
    dropped_ += pending_.size();
    pending_ = {};
  }
}

}  // namespace vramcast::supervise
