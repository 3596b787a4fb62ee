// The part of a floor that has held for some samples: where it rose, and by how much. What rose
// later may be a tooth or an evaluation that will come back.
#pragma once

#include <cstdint>
#include <vector>

#include "monitor/floor.h"

namespace vramcast::monitor {

struct Rise {
  double time = 0;
  double size = 0;  // bytes
};

struct Held {
  std::vector<Rise> rises;
  double begin = 0;  // since then the floor is known
  double time = 0;   // of the last step that has held
  double level = 0;  // bytes, after the last rise
};

// Rises of less than `least` are added up until they are as large. `floor` is not empty.
Held HeldFloor(const Floor& floor, double least, int64_t hold);

// The floor at a moment, in bytes.
double LevelAt(const Floor& floor, double time);

// The highest level that has held for so many samples.
double LevelHeld(const Floor& floor, int64_t hold);

}  // namespace vramcast::monitor
