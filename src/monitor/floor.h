// The floor under a series: at each moment the least value from then on. It climbs where memory
// grows for good, and is blind to everything that comes back: saw-teeth, evaluation, noise. Kept as
// a list of steps in bounded memory.
#pragma once

#include <array>
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

  // Times must not decrease. What rises by less than `least` above the floor is no absence from it.
  void Add(double time, double value, double least = 0);

  // Increasing in time and level; the last is the newest sample. Empty before the first.
  const std::vector<Step>& steps() const { return steps_; }
  int64_t samples() const { return samples_; }
  // When the series was last at the level of the first step.
  double last_at_bottom() const { return last_at_bottom_; }

  // For how many samples the series has stayed above the floor before it came back, at most; what
  // happened only once does not count. What has not held for longer may be a tooth or an
  // evaluation.
  int64_t longest_absence() const;

 private:
  void NoteReturn(double level, double least);
  void Forget();

  std::vector<Step> steps_;
  int64_t samples_ = 0;
  double last_at_bottom_ = 0;
  // By powers of two of their length.
  struct Absences {
    int64_t count = 0;
    int64_t longest = 0;
  };
  std::array<Absences, 65> absences_{};
};

}  // namespace vramcast::monitor
