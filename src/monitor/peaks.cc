#include "monitor/peaks.h"

namespace vramcast::monitor {

void Peaks::Add(double time, double value) {
  if (peaks_.empty() || filled_ == length_) {
    if (peaks_.size() == 2 * kStretches) {
      for (size_t i = 0; i < kStretches; ++i) {
        const Peak& a = peaks_[2 * i];
        const Peak& b = peaks_[2 * i + 1];
        peaks_[i] = a.value >= b.value ? a : b;
      }
      peaks_.resize(kStretches);
      length_ *= 2;
    }
    peaks_.push_back({time, value});
    filled_ = 1;
    return;
  }
  ++filled_;
  if (value > peaks_.back().value) peaks_.back() = {time, value};
}

}  // namespace vramcast::monitor
