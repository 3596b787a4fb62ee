// A file descriptor that closes itself, and a pipe of two of them.
#pragma once

#include <utility>

#include "base/result.h"

namespace vramcast::supervise {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { Close(); }

  int get() const { return fd_; }
  void Close();

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read, write;
  // Closed on exec. Machine error if the system has none left.
  static Result<Pipe> Open();
};

}  // namespace vramcast::supervise
