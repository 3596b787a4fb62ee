#include "snapshot/memo.h"

#include <algorithm>

namespace vramcast::snapshot {

uint64_t Memo::memory() const {
  return size_ / 8 + written_ * sizeof(Page) + pages_.size() * sizeof(pages_[0]) +
         runs_.size() * sizeof(Run);
}

void Memo::AddEvent(uint32_t row, bool has_list) {
  const uint32_t stride = has_list ? 2 : 1;
  const uint64_t begin = size_;
  Extend(stride);
  for (uint64_t slot = begin; slot < size_; ++slot) {
    events_[slot / 64] |= uint64_t{1} << (slot % 64);
  }
  if (!runs_.empty()) {
    Run& last = runs_.back();
    if (last.end == begin && last.stride == stride &&
        last.row + (last.end - last.begin) / stride == row) {
      last.end = size_;
      return;
    }
  }
  runs_.push_back({begin, size_, row, stride});
}

Memo::EventSlot Memo::EventAt(uint64_t slot) const {
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), slot,
                                      [](uint64_t s, const Run& run) { return s < run.begin; });
  const Run& run = *std::prev(after);
  const uint64_t at = slot - run.begin;
  return {static_cast<uint32_t>(run.row + at / run.stride), at % run.stride == 1};
}

}  // namespace vramcast::snapshot
