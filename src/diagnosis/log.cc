#include "diagnosis/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "crashlog/scan.h"

namespace vramcast::diagnosis {
namespace {

constexpr uint64_t kBefore = 24 << 10;
constexpr uint64_t kAfter = 4 << 10;
constexpr size_t kTail = 1 << 20;
constexpr size_t kLongestLine = 2000;  // characters; the rest of a longer line is left out
constexpr size_t kMostWindows = 256;

// Text as it looked on the terminal: no colours, no control characters, the last state of a line
// that a progress bar rewrote.
std::string Clean(std::string_view line) {
  while (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  std::string out;
  for (size_t i = 0; i < line.size() && out.size() < kLongestLine; ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    if (c == 0x1b && i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && (line[i] < '@' || line[i] > '~')) {
        ++i;
      }
    } else if (c == '\t') {
      out += ' ';
    } else if (c == '\r') {
      out.clear();
    } else if (c >= 0x20 && c != 0x7f) {
      out += line[i];
    }
  }
  return out;
}

// `window` begins at `offset` of the input; `place` lies in it.
std::vector<Line> Lines(std::string_view window, uint64_t offset, const crashlog::Place& place) {
  const size_t inside = std::min<size_t>(place.offset - offset, window.size());
  const auto before = static_cast<uint64_t>(
      std::count(window.begin(), window.begin() + static_cast<ptrdiff_t>(inside), '\n'));
  uint64_t number = place.line > before ? place.line - before : 1;
  std::vector<Line> lines;
  for (const std::string_view part : Split(window, '\n')) {
    lines.push_back({number++, Clean(part)});
  }
  return lines;
}

// The windows around all events that lie within `text`, which begins at `offset` of the input.
void AddWindows(Log& log, std::string_view text, uint64_t offset) {
  log.around.resize(log.report.events.size());
  for (size_t i = 0; i < log.around.size() && i < kMostWindows; ++i) {
    const crashlog::Place& place = log.report.events[i].place;
    if (place.offset < offset || place.offset > offset + text.size()) {
      continue;
    }
    const uint64_t at = place.offset - offset;
    const uint64_t begin = at > kBefore ? at - kBefore : 0;
    log.around[i] = Lines(text.substr(begin, at - begin + kAfter), offset + begin, place);
  }
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ > 2) {
      ::close(fd_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string ReadAt(int fd, uint64_t offset, size_t size) {
  std::string buffer(size, '\0');
  size_t filled = 0;
  while (filled < size) {
    const ssize_t got =
        ::pread(fd, buffer.data() + filled, size - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    filled += static_cast<size_t>(got);
  }
  buffer.resize(filled);
  return buffer;
}

Result<Log> ReadStream(int fd, std::string name) {
  LogStream stream;
  std::string chunk(kTail, '\0');
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return UnreadableError(fmt::format("cannot read {}: {}", name, std::strerror(errno)),
                             stream.bytes());
    }
    if (got == 0) {
      return stream.Finish(std::move(name));
    }
    stream.Feed(std::string_view(chunk.data(), static_cast<size_t>(got)));
  }
}

}  // namespace

Result<Log> ReadLog(const std::string& path) {
  if (path == "-") {
    return ReadStream(0, "standard input");
  }
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) {
    return UnreadableError(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  if (::lseek(file.fd(), 0, SEEK_SET) < 0) {
    return ReadStream(file.fd(), path);  // a pipe
  }
  auto report = crashlog::ScanFd(file.fd());
  if (!report) {
    return UnreadableError(fmt::format("cannot read {}: {}", path, report.error().message),
                           report.error().offset);
  }
  Log log{path, std::move(*report), {}};
  log.around.resize(log.report.events.size());
  for (size_t i = 0; i < log.around.size() && i < kMostWindows; ++i) {
    const crashlog::Place& place = log.report.events[i].place;
    const uint64_t begin = place.offset > kBefore ? place.offset - kBefore : 0;
    log.around[i] = Lines(ReadAt(file.fd(), begin, place.offset - begin + kAfter), begin, place);
  }
  return log;
}

LogStream::LogStream() : scanner_(std::make_unique<crashlog::Scanner>()) {}

LogStream::~LogStream() = default;

void LogStream::Feed(std::string_view piece) {
  scanner_->Feed(piece);
  total_ += piece.size();
  tail_.append(piece);
  if (tail_.size() > 2 * kTail) {
    tail_.erase(0, tail_.size() - kTail);
  }
}

Log LogStream::Finish(std::string name) {
  Log log{std::move(name), scanner_->Finish(), {}};
  AddWindows(log, tail_, total_ - tail_.size());
  return log;
}

Log LogFromText(std::string name, std::string_view text) {
  Log log{std::move(name), crashlog::ScanText(text), {}};
  AddWindows(log, text, 0);
  return log;
}

}  // namespace vramcast::diagnosis
