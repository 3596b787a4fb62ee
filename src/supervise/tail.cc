#include "supervise/tail.h"

namespace vramcast::supervise {

void Tail::Append(std::string_view bytes) {
  if (bytes.size() > limit_) {
    cut_ = true;
    bytes.remove_prefix(bytes.size() - limit_);
  }
  kept_ += bytes;
  if (kept_.size() > 2 * limit_) {
    cut_ = true;
    kept_.erase(0, kept_.size() - limit_);
  }
}

std::string Tail::Text() const {
  if (!cut_ && kept_.size() <= limit_) return kept_;
  const std::string last = kept_.size() > limit_ ? kept_.substr(kept_.size() - limit_) : kept_;
  const size_t line = last.find('\n');
  return line == std::string::npos ? last : last.substr(line + 1);
}

}  // namespace vramcast::supervise
