#include "monitor/held.h"

#include <algorithm>

namespace vramcast::monitor {

Held HeldFloor(const Floor& floor, double least, int64_t hold) {
  const std::vector<Floor::Step>& steps = floor.steps();
  Held held{.rises = {},
            .begin = floor.last_at_bottom(),
            .time = steps.front().time,
            .level = steps.front().level};
  for (size_t i = 1; i < steps.size(); ++i) {
    if (floor.samples() - steps[i].index < hold) break;
    held.time = steps[i].time;
    if (steps[i].level - held.level < least) continue;
    held.rises.push_back({steps[i].time, steps[i].level - held.level});
    held.level = steps[i].level;
  }
  return held;
}

double LevelAt(const Floor& floor, double time) {
  const std::vector<Floor::Step>& steps = floor.steps();
  const auto after =
      std::upper_bound(steps.begin(), steps.end(), time,
                       [](double wanted, const Floor::Step& step) { return wanted < step.time; });
  return after == steps.begin() ? steps.front().level : std::prev(after)->level;
}

double LevelHeld(const Floor& floor, int64_t hold) {
  const std::vector<Floor::Step>& steps = floor.steps();
  const auto held = std::find_if(steps.rbegin(), steps.rend(), [&](const Floor::Step& step) {
    return floor.samples() - step.index >= hold;
  });
  return held == steps.rend() ? steps.front().level : held->level;
}

}  // namespace vramcast::monitor
