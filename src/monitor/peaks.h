// The highest samples of each stretch of a series, over its whole time in bounded memory: how far
// evaluation and saw-teeth reach above the floor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vramcast::monitor {

class Peaks {
 public:
  struct Peak {
    double time;
    double value;  // bytes
    double mean;   // of the stretch, less what lies far below: before a start, after an end
  };

  // At most twice this many stretches; then neighbours are merged.
  static constexpr size_t kStretches = 64;

  void Add(double time, double value);
  // One for each stretch, in order of time.
  const std::vector<Peak>& peaks() const { return peaks_; }

 private:
  std::vector<Peak> peaks_;
  int64_t length_ = 1;   // samples in a stretch
  int64_t filled_ = 0;   // of the last one
  int64_t counted_ = 0;  // in its mean
};

}  // namespace vramcast::monitor
