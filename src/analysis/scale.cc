#include "analysis/scale.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "trace/interner.h"

namespace vramcast {
namespace {

// The same stack in another recording has the same files, functions and lines.
std::vector<uint64_t> StackKeys(const Recording& recording) {
  std::vector<uint64_t> frames;
  for (const Frame& frame : recording.frames) {
    const std::string_view file = recording.strings[frame.file];
    const std::string_view function = recording.strings[frame.function];
    const uint64_t parts[] = {HashBytes(file.data(), file.size()),
                              HashBytes(function.data(), function.size()), frame.line};
    frames.push_back(HashBytes(parts, sizeof(parts)));
  }
  std::vector<uint64_t> keys;
  std::vector<uint64_t> parts;
  for (uint32_t s = 0; s < recording.stacks.size(); ++s) {
    parts.clear();
    for (const FrameId id : recording.stacks[StackId{s}]) {
      parts.push_back(id.value < frames.size() ? frames[id.value] : 0);
    }
    keys.push_back(HashBytes(parts.data(), parts.size() * sizeof(uint64_t)));
  }
  return keys;
}

using Allocations = std::unordered_map<uint64_t, std::vector<uint32_t>>;  // events, by stack key

Allocations ByStack(const Trace& trace, const std::vector<uint64_t>& keys) {
  Allocations result;
  for (uint32_t i = 0; i < trace.events.size(); ++i) {
    const Event& event = trace.events[i];
    if (event.action != Action::kAlloc) continue;
    const uint64_t key = event.stack.value < keys.size() ? keys[event.stack.value] : 0;
    result[key].push_back(i);
  }
  return result;
}

// The ratio above or below 1 that most bytes show.
double CommonRatio(const std::map<int64_t, double>& bytes_by_ratio) {
  double best = 0, ratio = 1;
  for (const auto& [thousandths, bytes] : bytes_by_ratio) {
    if (bytes <= best) continue;
    best = bytes;
    ratio = static_cast<double>(thousandths) / 1000;
  }
  return ratio;
}

}  // namespace

ScaledProgram ScaleBatch(const Trace& trace, const Recording& a, const Recording& b, size_t device,
                         double factor) {
  ScaledProgram result;
  result.trace = trace;
  if (device >= b.devices.size()) return result;
  const Trace& other = b.devices[device].trace;
  const Allocations here = ByStack(trace, StackKeys(a));
  const Allocations there = ByStack(other, StackKeys(b));

  struct Pair {
    uint32_t event;
    int64_t mine, theirs;
  };
  std::vector<Pair> pairs;
  std::map<int64_t, double> bytes_by_ratio;
  double all = 0, matched = 0, scaled = 0;
  for (const auto& [key, events] : here) {
    const auto at = there.find(key);
    for (size_t k = 0; k < events.size(); ++k) {
      const int64_t mine = trace.events[events[k]].size.count();
      all += static_cast<double>(mine);
      // Where counts differ the sequences are stretched onto each other.
      if (at == there.end()) continue;
      const size_t n = at->second.size();
      const size_t index = n == events.size() ? k : k * n / events.size();
      const int64_t theirs = other.events[at->second[index]].size.count();
      pairs.push_back({events[k], mine, theirs});
      matched += static_cast<double>(mine);
      if (theirs != mine && mine > 0) {
        const double ratio = static_cast<double>(theirs) / static_cast<double>(mine);
        bytes_by_ratio[std::llround(1000 * ratio)] += static_cast<double>(mine);
      }
    }
  }
  result.batch_ratio = CommonRatio(bytes_by_ratio);
  result.matched_share = all > 0 ? matched / all : 0;
  if (result.batch_ratio == 1) return result;
  for (const Pair& pair : pairs) {
    if (pair.mine == pair.theirs) continue;
    // mine = fixed + slope, theirs = fixed + slope * ratio
    const double slope = static_cast<double>(pair.theirs - pair.mine) / (result.batch_ratio - 1);
    const double size = static_cast<double>(pair.mine) + slope * (factor - 1);
    result.trace.events[pair.event].size = Bytes(std::max<int64_t>(std::llround(size), 1));
    scaled += static_cast<double>(pair.mine);
  }
  result.scaled_share = all > 0 ? scaled / all : 0;
  return result;
}

}  // namespace vramcast
