#include "analysis/scale.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>
#include <unordered_map>

#include "analysis/align.h"
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
    keys.push_back(parts.empty() ? 0 : HashBytes(parts.data(), parts.size() * sizeof(uint64_t)));
  }
  return keys;
}

// Beyond this many allocations that only one side makes it is another program.
constexpr uint32_t kMostEdits = 3000;

struct Allocation {
  uint32_t event;
  uint64_t stack;  // key; 0: none was recorded, as in the threads that autograd works in
  int64_t size;
};

std::vector<Allocation> AllocationsOf(const Trace& trace, const std::vector<uint64_t>& keys) {
  std::vector<Allocation> result;
  for (uint32_t i = 0; i < trace.events.size(); ++i) {
    const Event& event = trace.events[i];
    if (event.action != Action::kAlloc) continue;
    const uint64_t key = event.stack.value < keys.size() ? keys[event.stack.value] : 0;
    result.push_back({i, key, event.size.count()});
  }
  return result;
}

struct Pair {
  const Allocation* mine;
  const Allocation* theirs;
};

// The ratio above or below 1 that most bytes show, as an exact fraction.
double CommonRatio(const std::vector<Pair>& pairs) {
  std::map<std::pair<int64_t, int64_t>, double> bytes_by_ratio;
  for (const auto& [mine, theirs] : pairs) {
    if (theirs->size == mine->size || mine->size <= 0 || theirs->size <= 0) continue;
    const int64_t divisor = std::gcd(mine->size, theirs->size);
    bytes_by_ratio[{theirs->size / divisor, mine->size / divisor}] +=
        static_cast<double>(mine->size);
  }
  double best = 0, ratio = 1;
  for (const auto& [fraction, bytes] : bytes_by_ratio) {
    if (bytes <= best) continue;
    best = bytes;
    ratio = static_cast<double>(fraction.first) / static_cast<double>(fraction.second);
  }
  return ratio;
}

// Whether one size can be the other at a batch this much larger or smaller: the same, in
// proportion, or a fixed part and a part in proportion. Kernels round their scratch memory.
bool Compatible(int64_t mine, int64_t theirs, double ratio) {
  constexpr double kRounding = 1024;
  const double low = static_cast<double>(mine) * std::min(ratio, 1.0) - kRounding;
  const double high = static_cast<double>(mine) * std::max(ratio, 1.0) + kRounding;
  return static_cast<double>(theirs) >= low && static_cast<double>(theirs) <= high;
}

std::optional<std::vector<Pair>> PairUp(
    std::span<const Allocation> here, std::span<const Allocation> there,
    const std::function<bool(const Allocation&, const Allocation&)>& same) {
  const auto aligned = Align(
      static_cast<uint32_t>(here.size()), static_cast<uint32_t>(there.size()),
      [&](uint32_t i, uint32_t j) { return same(here[i], there[j]); }, kMostEdits);
  if (!aligned) return std::nullopt;
  std::vector<Pair> pairs;
  pairs.reserve(aligned->size());
  for (const auto& [i, j] : *aligned) pairs.push_back({&here[i], &there[j]});
  return pairs;
}

// The k-th allocation of a stack is the k-th of that stack in the other recording; where counts
// differ the two sequences are stretched onto each other.
std::vector<Pair> PairByStack(std::span<const Allocation> here, std::span<const Allocation> there) {
  std::unordered_map<uint64_t, std::vector<const Allocation*>> mine, theirs;
  for (const Allocation& allocation : here) mine[allocation.stack].push_back(&allocation);
  for (const Allocation& allocation : there) theirs[allocation.stack].push_back(&allocation);
  std::vector<Pair> pairs;
  for (const auto& [key, allocations] : mine) {
    const auto at = theirs.find(key);
    if (at == theirs.end()) continue;
    for (size_t k = 0; k < allocations.size(); ++k) {
      pairs.push_back({allocations[k], at->second[k * at->second.size() / allocations.size()]});
    }
  }
  return pairs;
}

bool SameStack(const Allocation& a, const Allocation& b) { return a.stack == b.stack; }

// Allocations with a stack tell the ratio; with it, those without one are told apart by size.
std::vector<Pair> FindPairs(std::span<const Allocation> here, std::span<const Allocation> there,
                            bool* is_aligned) {
  const auto with_stack = [](std::span<const Allocation> all) {
    std::vector<Allocation> some;
    std::copy_if(all.begin(), all.end(), std::back_inserter(some),
                 [](const Allocation& allocation) { return allocation.stack != 0; });
    return some;
  };
  const std::vector<Allocation> mine = with_stack(here);
  const std::vector<Allocation> theirs = with_stack(there);
  const auto anchors =
      mine.empty() ? PairUp(here, there, SameStack) : PairUp(mine, theirs, SameStack);
  *is_aligned = anchors.has_value();
  if (!anchors) return PairByStack(here, there);
  const double ratio = CommonRatio(*anchors);
  auto pairs = PairUp(here, there, [&](const Allocation& a, const Allocation& b) {
    return a.stack == b.stack && Compatible(a.size, b.size, ratio);
  });
  *is_aligned = pairs.has_value();
  return pairs ? std::move(*pairs) : PairByStack(here, there);
}

}  // namespace

ScaledProgram ScaleBatch(const Trace& trace, const Recording& a, const Recording& b, size_t device,
                         double factor) {
  ScaledProgram result;
  result.trace = trace;
  if (device >= b.devices.size()) return result;
  const std::vector<Allocation> here = AllocationsOf(trace, StackKeys(a));
  const std::vector<Allocation> there = AllocationsOf(b.devices[device].trace, StackKeys(b));
  const std::vector<Pair> pairs = FindPairs(here, there, &result.aligned);

  double all = 0, matched = 0, scaled = 0;
  for (const Allocation& allocation : here) all += static_cast<double>(allocation.size);
  result.batch_ratio = CommonRatio(pairs);
  for (const auto& [mine, theirs] : pairs) {
    matched += static_cast<double>(mine->size);
    if (mine->size == theirs->size || result.batch_ratio == 1) continue;
    // mine = fixed + slope, theirs = fixed + slope * ratio
    const double slope = static_cast<double>(theirs->size - mine->size) / (result.batch_ratio - 1);
    const double size = static_cast<double>(mine->size) + slope * (factor - 1);
    result.trace.events[mine->event].size =
        Bytes(std::clamp<int64_t>(std::llround(std::min(size, 1e18)), 1, int64_t{1} << 60));
    scaled += static_cast<double>(mine->size);
  }
  result.matched_share = all > 0 ? matched / all : 0;
  result.scaled_share = all > 0 ? scaled / all : 0;
  result.unmatched = static_cast<uint32_t>(here.size() - std::min(here.size(), pairs.size()));
  result.only_there = static_cast<uint32_t>(there.size() - std::min(there.size(), pairs.size()));
  return result;
}

}  // namespace vramcast
