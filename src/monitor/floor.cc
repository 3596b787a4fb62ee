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
  constexpr size_t kRecent = 64;
  size_t kept = 0;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const bool recent = i + kRecent >= steps_.size();
    if (recent || i % 2 == 0) steps_[kept++] = steps_[i];
  }
  steps_.resize(kept);
}

}  // namespace vramcast::monitor
