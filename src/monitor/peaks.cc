#include "monitor/peaks.h"

#include <algorithm>

namespace vramcast::monitor {

void Peaks::Add(double time, double value) {
  if (peaks_.empty() || filled_ == length_) {
    if (peaks_.size() == 2 * kStretches) {
      for (size_t i = 0; i < kStretches; ++i) {
        const Peak& a = peaks_[2 * i];
        const Peak& b = peaks_[2 * i + 1];
        const double high = std::max(a.mean, b.mean), low = std::min(a.mean, b.mean);
        const double mean = low < high / 2 ? high : (a.mean + b.mean) / 2;
        peaks_[i] = a.value >= b.value ? a : b;
        peaks_[i].mean = mean;
      }
      peaks_.resize(kStretches);
      length_ *= 2;
    }
    peaks_.push_back({time, value, value});
    filled_ = counted_ = 1;
    return;
  }
  Peak& last = peaks_.back();
  ++filled_;
  if (last.mean < value / 2) {
    last.mean = value, counted_ = 1;
  } else if (value >= last.mean / 2) {
    last.mean += (value - last.mean) / static_cast<double>(++counted_);
  }
  if (value > last.value) last.time = time, last.value = value;
}

}  // namespace vramcast::monitor
