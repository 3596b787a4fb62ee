#include "monitor/noise.h"

#include <algorithm>
#include <cmath>

namespace vramcast::monitor {

void Noise::Add(double value) {
  if (has_last_) differences_[count_++ % kWindow] = std::fabs(value - last_);
  last_ = value;
  has_last_ = true;
}

double Noise::Median() const {
  std::array<double, kWindow> sorted = differences_;
  const size_t size = std::min(count_, kWindow);
  if (size == 0) return 0;
  const auto middle = sorted.begin() + static_cast<ptrdiff_t>(size / 2);
  std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<ptrdiff_t>(size));
  return *middle;
}

}  // namespace vramcast::monitor
