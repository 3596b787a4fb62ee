// The floor under a series: at each moment the least value from then on. It climbs where memory
// grows for good, and is blind to everything that comes back: saw-teeth, evaluation, noise. Kept as
// a list of steps in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vramcast::monitor {

class Floor {
 public:
  struct Step {
    double time;    // since then the series never fell below `level`
    double level;   // bytes
    int64_t index;  // number of the sample
  };

  // At most this many steps are kept; then the older are thinned out evenly over time.
  static constexpr size_t kMostSteps = 512;

  // Times must not decrease.
  void Add(double time, double value);

  // Increasing in time and level; the last is the newest sample. Empty before the first.
  const std::vector<Step>& steps() const { return steps_; }
  int64_t samples() const { return samples_; }

  // The longest stretch between two returns to the bottom of a saw-tooth, in samples; 0: none seen.
  // What has not held for longer than that may be a tooth.
  int64_t longest_tooth() const { return longest_tooth_; }

 private:
  void NoteFall(double depth);
  void Forget();

  std::vector<Step> steps_;
  int64_t samples_ = 0;
  int64_t last_fall_ = 0;
  int64_t longest_tooth_ = 0;
  double usual_fall_ = 0;
};

}  // namespace vramcast::monitor
