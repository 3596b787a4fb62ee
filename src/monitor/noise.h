// How much a series jitters from one sample to the next: the median of the last absolute
// differences, which neither jumps nor slow growth move.
#pragma once

#include <array>
#include <cstddef>

namespace vramcast::monitor {

class Noise {
 public:
  void Add(double value);
  double Median() const;  // 0 before two samples

 private:
  static constexpr size_t kWindow = 64;
  std::array<double, kWindow> differences_{};
  size_t count_ = 0;
  double last_ = 0;
  bool has_last_ = false;
};

}  // namespace vramcast::monitor
