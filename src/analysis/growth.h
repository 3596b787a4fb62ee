// Does memory grow while the program repeats itself, and which line never gives it back?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/proof.h"
#include "trace/recording.h"

namespace vramcast {

struct GrowingStack {
  StackId stack;
  Bytes bytes;  // not freed by the end, allocated after the first quarter
  uint32_t blocks = 0;
  uint32_t windows = 0;  // in how many windows it left something behind
};

struct Growth {
  // The least that was allocated at any moment of each window: the recording in equal parts.
  std::vector<Bytes> floors;
  Bytes per_window;  // mean rise of the floor after the first quarter
  bool leak = false;
  std::vector<GrowingStack> stacks;  // largest first; empty if nothing grows
};

Growth FindGrowth(const DeviceRecording& device, const std::vector<uint32_t>& units);

// A series for a chart: at most `points` places, each with the most allocated in its stretch.
struct TimelinePoint {
  uint32_t event = 0;
  Bytes allocated;
  Bytes reserved;
};
std::vector<TimelinePoint> Timeline(const DeviceRecording& device,
                                    const std::vector<uint32_t>& units, uint32_t points);

}  // namespace vramcast
