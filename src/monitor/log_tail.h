// Follows a file that another program writes: hands on what is appended, and notices when the file
// is truncated, replaced (rotated) or not there yet. Of what is already long only the beginning and
// the end are read, so that a log of many gigabytes costs no more than a short one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vramcast::monitor {

class LogTail {
 public:
  static constexpr uint64_t kHead = 1 << 20;    // read of the beginning
  static constexpr uint64_t kBehind = 4 << 20;  // more than this to catch up with is passed over,
  static constexpr uint64_t kBack = 1 << 20;    // but for so much at its end
  static constexpr size_t kPiece = 256 << 10;   // the most that one piece holds

  explicit LogTail(std::string path) : path_(std::move(path)) {}
  ~LogTail();
  LogTail(const LogTail&) = delete;
  LogTail& operator=(const LogTail&) = delete;

  struct Piece {
    std::string_view bytes;  // empty: nothing more now; valid until the next call
    uint64_t offset = 0;     // of its first byte in the file
    bool restarted = false;  // the file begins anew with this piece
    bool gap = false;        // bytes before this piece were passed over
  };
  // Unreadable error if the file was never there or is none that can be read; a file that
  // disappears later is waited for.
  Result<Piece> Next();

  uint64_t passed_over() const { return passed_over_; }

 private:
  Status Open();
  bool IsReplaced() const;
  void Close();

  std::string path_;
  int fd_ = -1;
  bool was_open_ = false;
  bool restarted_ = false;
  uint64_t at_ = 0;
  uint64_t passed_over_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::string buffer_;
};

}  // namespace vramcast::monitor
