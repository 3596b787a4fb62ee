#include "analysis/growth.h"

#include <algorithm>
#include <unordered_map>

namespace vramcast {
namespace {

constexpr uint32_t kWindows = 16;
// Below this many events there is nothing that repeats.
constexpr size_t kLeastEvents = 400;

Bytes SizeOf(const std::vector<uint32_t>& units, AllocationId id) {
  return id.value < units.size() ? Bytes(int64_t{units[id.value]} << 9) : Bytes(0);
}

Bytes AllocatedAtStart(const DeviceRecording& device) {
  Bytes sum;
  for (const StartSegment& segment : device.trace.start) {
    for (const StartBlock& block : segment.blocks) {
      if (block.state == BlockState::kAllocated) sum += block.size;
    }
  }
  return sum;
}

}  // namespace

Growth FindGrowth(const DeviceRecording& device, const std::vector<uint32_t>& units) {
  Growth growth;
  const auto& events = device.trace.events;
  if (events.size() < kLeastEvents) return growth;
  const auto window_of = [&](size_t i) { return i * kWindows / events.size(); };

  Bytes now = AllocatedAtStart(device);
  growth.floors.assign(kWindows, Bytes(INT64_MAX));
  std::vector<uint32_t> allocations(kWindows), frees(kWindows);
  std::vector<bool> requested(device.trace.allocation_count);
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    const size_t w = window_of(i);
    if (event.allocation.value < requested.size()) {
      if (event.action == Action::kAlloc) {
        now += SizeOf(units, event.allocation);
        ++allocations[w];
      } else if (!requested[event.allocation.value]) {
        requested[event.allocation.value] = true;
        now -= SizeOf(units, event.allocation);
        ++frees[w];
      }
    }
    growth.floors[w] = std::min(growth.floors[w], now);
  }

  // What each stack left behind, and in how many windows after the first quarter.
  constexpr uint32_t kFirst = kWindows / 4;
  std::unordered_map<uint32_t, GrowingStack> stacks;
  std::unordered_map<uint32_t, uint32_t> last_window;
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    const auto w = static_cast<uint32_t>(window_of(i));
    if (event.action != Action::kAlloc || w < kFirst ||
        event.allocation.value >= requested.size() || requested[event.allocation.value]) {
      continue;
    }
    GrowingStack& stack = stacks[event.stack.value];
    stack.stack = event.stack;
    stack.bytes += SizeOf(units, event.allocation);
    ++stack.blocks;
    auto [at, fresh] = last_window.try_emplace(event.stack.value, w);
    if (fresh || at->second != w) ++stack.windows;
    at->second = w;
  }

  uint32_t rises = 0;
  bool repeats = true;
  for (uint32_t w = kFirst; w < kWindows; ++w) {
    if (w > kFirst && growth.floors[w] > growth.floors[w - 1]) ++rises;
    // While a model is loaded or built, little is freed: that is no repetition.
    repeats = repeats && frees[w] * 2 >= allocations[w];
  }
  const Bytes rise = growth.floors.back() - growth.floors[kFirst];
  growth.per_window = rise / (kWindows - kFirst - 1);
  for (const auto& [id, stack] : stacks) {
    // Something that stays behind in most parts of a program that repeats itself.
    if (stack.windows >= (kWindows - kFirst) * 2 / 3) growth.stacks.push_back(stack);
  }
  std::sort(growth.stacks.begin(), growth.stacks.end(), [](const auto& a, const auto& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.stack.value < b.stack.value;
  });
  growth.leak =
      repeats && rises >= (kWindows - kFirst) * 2 / 3 && rise > Bytes(0) && !growth.stacks.empty();
  if (!repeats) growth.stacks.clear();
  return growth;
}

std::vector<TimelinePoint> Timeline(const DeviceRecording& device,
                                    const std::vector<uint32_t>& units, uint32_t points) {
  std::vector<TimelinePoint> series;
  const auto& events = device.trace.events;
  if (events.empty() || points == 0) return series;
  const size_t stretch = (events.size() + points - 1) / points;
  Bytes allocated = AllocatedAtStart(device);
  Bytes reserved;
  for (const StartSegment& segment : device.trace.start) {
    for (const StartBlock& block : segment.blocks) {
      if (block.state != BlockState::kUnmapped) reserved += block.size;
    }
  }
  std::vector<bool> requested(device.trace.allocation_count);
  TimelinePoint point;
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    switch (event.action) {
      case Action::kAlloc:
        allocated += SizeOf(units, event.allocation);
        break;
      case Action::kFreeRequested:
      case Action::kFreeCompleted:
        if (event.allocation.value < requested.size() && !requested[event.allocation.value]) {
          requested[event.allocation.value] = true;
          allocated -= SizeOf(units, event.allocation);
        }
        break;
      case Action::kSegmentAlloc:
      case Action::kSegmentMap:
        reserved += event.size;
        break;
      case Action::kSegmentFree:
      case Action::kSegmentUnmap:
        reserved -= event.size;
        break;
      default:
        break;
    }
    if (i % stretch == 0 || allocated > point.allocated) {
      if (i % stretch == 0 && i > 0) series.push_back(point);
      if (i % stretch == 0) point = {};
      point.allocated = allocated;
      point.event = static_cast<uint32_t>(i);
    }
    point.reserved = std::max(point.reserved, reserved);
  }
  series.push_back(point);
  return series;
}

}  // namespace vramcast
