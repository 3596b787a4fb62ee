#include "monitor/floor.h"

#include <algorithm>

namespace vramcast::monitor {

void Floor::Add(double time, double value) {
  const double top = steps_.empty() ? value : steps_.back().level;
  double since = time;
  int64_t first = samples_;
  while (!steps_.empty() && steps_.back().level >= value) {
    // An equal level goes on from where it began; a higher one was a tooth.
    if (steps_.back().level == value) since = steps_.back().time, first = steps_.back().index;
    steps_.pop_back();
  }
  if (value < top) NoteFall(top - value);
  steps_.push_back({since, value, first});
  ++samples_;
  if (steps_.size() > kMostSteps) Forget();
}

void Floor::NoteFall(double depth) {
  // Small falls are noise on top of a tooth: only falls of the usual depth end one.
  if (depth >= usual_fall_ / 2) {
    if (last_fall_ > 0) longest_tooth_ = std::max(longest_tooth_, samples_ - last_fall_);
    last_fall_ = samples_;
    usual_fall_ = std::max(depth, usual_fall_ + (depth - usual_fall_) / 8);
  }
}

void Floor::Forget() {
  // The newest stay, and what begins a long plateau; of the rest what lies evenly over the time.
  constexpr size_t kRecent = 64;
  constexpr int64_t kOlder = 160;
  const int64_t apart = (steps_.back().index - steps_.front().index) / kOlder + 1;
  size_t kept = 1;
  for (size_t i = 1; i < steps_.size(); ++i) {
    const bool recent = i + kRecent >= steps_.size();
    if (recent || steps_[i].index - steps_[kept - 1].index >= apart ||
        steps_[i + 1].index - steps_[i].index >= apart) {
      steps_[kept++] = steps_[i];
    }
  }
  steps_.resize(kept);
}

}  // namespace vramcast::monitor
