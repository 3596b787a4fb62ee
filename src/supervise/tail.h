// The last part of a stream, in constant memory: a run dies at the end of its output.
#pragma once

#include <string>
#include <string_view>

namespace vramcast::supervise {

class Tail {
 public:
  explicit Tail(size_t limit) : limit_(limit) {}

  void Append(std::string_view bytes);
  // At most `limit` bytes; from the beginning of a line where the stream was longer.
  std::string Text() const;

 private:
  size_t limit_;
  bool cut_ = false;
  std::string kept_;  // up to twice the limit, so that cutting is rare
};

}  // namespace vramcast::supervise
