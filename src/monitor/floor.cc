#include "monitor/floor.h"

#include <algorithm>
#include <bit>

namespace vramcast::monitor {

void Floor::Add(double time, double value, double least) {
  double since = time;
  int64_t first = samples_;
  if (!steps_.empty() && value < steps_.back().level) NoteReturn(value, least);
  while (!steps_.empty() && steps_.back().level >= value) {
    // An equal level goes on from where it began; a higher one was a tooth.
    if (steps_.back().level == value) since = steps_.back().time, first = steps_.back().index;
    steps_.pop_back();
  }
  steps_.push_back({since, value, first});
  if (steps_.size() == 1) last_at_bottom_ = time;
  ++samples_;
  if (steps_.size() > kMostSteps) Forget();
}

void Floor::NoteReturn(double level, double least) {
  const auto away =
      std::lower_bound(steps_.begin(), steps_.end(), level + least,
                       [](const Step& step, double wanted) { return step.level < wanted; });
  if (away == steps_.end()) return;
  const int64_t length = samples_ - away->index;
  Absences& alike =
      absences_.at(static_cast<size_t>(std::bit_width(static_cast<uint64_t>(length))));
  ++alike.count;
  alike.longest = std::max(alike.longest, length);
}

int64_t Floor::longest_absence() const {
  for (auto alike = absences_.rbegin(); alike != absences_.rend(); ++alike) {
    if (alike->count > 1) return alike->longest;
  }
  return 0;
}

void Floor::Forget() {
  // The newest stay, what begins a long plateau, and what is far above the one before; of the rest
  // what lies evenly over the time.
  constexpr size_t kRecent = 64;
  constexpr int64_t kOlder = 160;
  constexpr double kFar = 1.0 / 32;
  const double far = kFar * (steps_.back().level - steps_.front().level);
  const int64_t apart = (steps_.back().index - steps_.front().index) / kOlder + 1;
  size_t kept = 1;
  for (size_t i = 1; i < steps_.size(); ++i) {
    const bool recent = i + kRecent >= steps_.size();
    if (recent || steps_[i].level - steps_[kept - 1].level >= far ||
        steps_[i].index - steps_[kept - 1].index >= apart ||
        steps_[i + 1].index - steps_[i].index >= apart) {
      steps_[kept++] = steps_[i];
    }
  }
  steps_.resize(kept);
}

}  // namespace vramcast::monitor
