#include "analysis/reconstruct.h"

#include <algorithm>
#include <map>

#include "allocator/rounding.h"

namespace vramcast {
namespace {

// Address space beyond the last mapped byte of an expandable segment; the true end is not recorded.
constexpr int64_t kRoomToGrow = int64_t{1} << 40;

bool IsSegmentAction(Action action) {
  return action == Action::kSegmentAlloc || action == Action::kSegmentFree ||
         action == Action::kSegmentMap || action == Action::kSegmentUnmap;
}

struct Extent {
  uint64_t begin = UINT64_MAX, end = 0;
  void Cover(uint64_t from, int64_t size) {
    begin = std::min(begin, from);
    end = std::max(end, from + static_cast<uint64_t>(size));
  }
  bool Holds(uint64_t address) const { return address >= begin && address < end; }
};

// Mapped address ranges of one expandable segment, disjoint.
class Ranges {
 public:
  void Add(uint64_t begin, uint64_t end) {
    Remove(begin, end);
    ranges_[begin] = end;
  }
  void Remove(uint64_t begin, uint64_t end) {
    auto it = ranges_.upper_bound(begin);
    if (it != ranges_.begin()) --it;
    while (it != ranges_.end() && it->first < end) {
      const auto [from, to] = *it;
      if (to <= begin) {
        ++it;
        continue;
      }
      it = ranges_.erase(it);
      if (from < begin) ranges_[from] = begin;
      if (to > end) it = ranges_.insert_or_assign(end, to).first;
    }
  }
  const std::map<uint64_t, uint64_t>& all() const { return ranges_; }

 private:
  std::map<uint64_t, uint64_t> ranges_;
};

class Reconstructor {
 public:
  Reconstructor(DeviceRecording& device, const AllocatorSettings& settings)
      : device_(device), settings_(settings), rounding_(settings) {}

  Reconstruction Run() {
    FindExtents();
    WalkBack();
    device_.trace.start.clear();
    for (auto& [address, segment] : plain_) device_.trace.start.push_back(std::move(segment));
    for (const auto& [key, ranges] : mapped_) AddExpandable(key, ranges);
    LimitRanges();
    std::sort(device_.trace.start.begin(), device_.trace.start.end(),
              [](const auto& a, const auto& b) { return a.address < b.address; });
    Fill();
    return result_;
  }

 private:
  struct Key {
    StreamId stream;
    uint16_t pool_group;
    bool is_small;
    auto operator<=>(const Key&) const = default;
  };

  StreamId StreamOf(uint64_t raw) const {
    const auto& streams = device_.trace.streams;
    const auto at = std::find(streams.begin(), streams.end(), raw);
    return at == streams.end() ? StreamId{0} : static_cast<StreamId>(at - streams.begin());
  }

  // Which expandable segment an address belongs to: the pools of a stream lie far apart.
  void FindExtents() {
    for (const RecordedSegment& segment : device_.segments) {
      if (!segment.is_expandable) continue;
      extents_[{StreamOf(segment.stream), segment.pool_group, segment.is_small}].Cover(
          segment.address, segment.size.count());
    }
    const auto& events = device_.trace.events;
    for (size_t i = 0; i < events.size(); ++i) {
      if (events[i].action != Action::kSegmentMap) continue;
      const uint64_t address = device_.addresses[i];
      // A map of the small pool is one handle of 2 MiB, one of the large pool at least 11 MiB.
      const Key key{events[i].stream, 0, events[i].size.count() <= kSmallBuffer};
      bool inside = false;
      for (const auto& [other, extent] : extents_) {
        inside = inside ||
                 (other.stream == key.stream && other.pool_group != 0 && extent.Holds(address));
      }
      if (!inside) extents_[key].Cover(address, events[i].size.count());
    }
  }
  Key KeyOf(uint64_t address, const Event& event) const {
    for (const auto& [key, extent] : extents_) {
      if (key.stream == event.stream && extent.Holds(address)) return key;
    }
    return {event.stream, 0, event.size.count() % settings_.large_segment_size.count() != 0};
  }

  void WalkBack() {
    for (const RecordedSegment& segment : device_.segments) {
      const StreamId stream = StreamOf(segment.stream);
      if (segment.is_expandable) {
        mapped_[{stream, segment.pool_group, segment.is_small}].Add(
            segment.address, segment.address + static_cast<uint64_t>(segment.size.count()));
        continue;
      }
      StartSegment& start = plain_[segment.address];
      start.address = segment.address;
      start.size = segment.size;
      start.stream = stream;
      start.pool_group = segment.pool_group;
      start.is_small = segment.is_small;
    }
    const auto& events = device_.trace.events;
    for (size_t i = events.size(); i-- > 0;) {
      const Event& event = events[i];
      if (!IsSegmentAction(event.action)) continue;
      const uint64_t address = device_.addresses[i];
      const uint64_t end = address + static_cast<uint64_t>(event.size.count());
      if (event.action == Action::kSegmentAlloc) {
        plain_.erase(address);
      } else if (event.action == Action::kSegmentFree) {
        StartSegment& start = plain_[address];
        start.address = address;
        start.size = event.size;
        start.stream = event.stream;
        start.is_small = event.size.count() <= kSmallBuffer;
      } else if (event.action == Action::kSegmentMap) {
        mapped_[KeyOf(address, event)].Remove(address, end);
      } else {
        mapped_[KeyOf(address, event)].Add(address, end);
      }
    }
  }

  void AddExpandable(const Key& key, const Ranges& ranges) {
    if (ranges.all().empty()) return;
    Extent extent = extents_[key];
    for (const auto& [begin, end] : ranges.all()) {
      extent.Cover(begin, static_cast<int64_t>(end - begin));
    }
    const int64_t handle = key.is_small ? kSmallBuffer : rounding_.large_segment();
    const auto length = static_cast<int64_t>(extent.end - extent.begin) + kRoomToGrow;
    StartSegment start;
    start.address = extent.begin;
    start.size = Bytes((length + handle - 1) / handle * handle);
    start.stream = key.stream;
    start.pool_group = key.pool_group;
    start.is_small = key.is_small;
    start.is_expandable = true;
    for (const auto& [begin, end] : ranges.all()) mapped_ranges_.push_back({begin, end});
    device_.trace.start.push_back(std::move(start));
  }

  // Address ranges do not overlap: each ends where the next one begins.
  void LimitRanges() {
    for (StartSegment& segment : device_.trace.start) {
      if (!segment.is_expandable) continue;
      for (const StartSegment& other : device_.trace.start) {
        if (other.address <= segment.address) continue;
        segment.size =
            std::min(segment.size, Bytes(static_cast<int64_t>(other.address - segment.address)));
      }
    }
  }

  void Fill() {
    std::sort(mapped_ranges_.begin(), mapped_ranges_.end());
    size_t next = 0;
    const auto& carried = device_.carried;
    for (StartSegment& segment : device_.trace.start) {
      const uint64_t end = segment.address + static_cast<uint64_t>(segment.size.count());
      while (next < carried.size() && carried[next].address < segment.address) {
        ++result_.unplaced;
        ++next;
      }
      uint64_t at = segment.address;
      while (next < carried.size() && carried[next].address < end) {
        const Carried& block = carried[next++];
        if (block.address < at) {
          ++result_.unplaced;  // overlaps the block before it
          continue;
        }
        Gap(segment, at, block.address);
        at = block.address + Place(segment, block, end);
      }
      Gap(segment, at, end);
      for (const StartBlock& block : segment.blocks) {
        if (block.state != BlockState::kUnmapped) result_.reserved += block.size;
        if (block.state == BlockState::kAllocated) result_.allocated += block.size;
      }
    }
    result_.unplaced += static_cast<uint32_t>(carried.size() - next);
  }

  uint64_t Place(StartSegment& segment, const Carried& carried, uint64_t end) {
    int64_t size = carried.block ? carried.block->count()
                                 : rounding_.Block(std::max<int64_t>(carried.requested.count(), 1));
    size = std::min(size, static_cast<int64_t>(end - carried.address));
    segment.blocks.push_back({Bytes(size),
                              carried.requested,
                              carried.pending ? BlockState::kPending : BlockState::kAllocated,
                              carried.allocation,
                              {},
                              carried.stack});
    last_is_inferred_ = !carried.block;
    ++result_.blocks;
    return static_cast<uint64_t>(size);
  }

  // What lies between two blocks: the first one's tail, free memory, or nothing mapped.
  void Gap(StartSegment& segment, uint64_t from, uint64_t to) {
    if (from >= to) return;
    const auto size = static_cast<int64_t>(to - from);
    if (!segment.is_expandable) {
      if (!segment.blocks.empty() && !segment.is_small && last_is_inferred_) {
        StartBlock& last = segment.blocks.back();
        const bool oversize = settings_.max_split_size && last.size >= *settings_.max_split_size;
        if (last.state != BlockState::kFree && (size <= kSmallSize || oversize)) {
          last.size += Bytes(size);
          ++result_.inferred_slack;
          return;
        }
      }
      segment.blocks.push_back({Bytes(size), {}, BlockState::kFree});
      return;
    }
    uint64_t at = from;
    for (const auto& [begin, end] : mapped_ranges_) {
      if (end <= at || begin >= to) continue;
      if (begin > at) {
        segment.blocks.push_back(
            {Bytes(static_cast<int64_t>(begin - at)), {}, BlockState::kUnmapped});
        at = begin;
      }
      const uint64_t stop = std::min(end, to);
      const Bytes mapped(static_cast<int64_t>(stop - at));
      if (!segment.blocks.empty() && segment.blocks.back().state == BlockState::kFree) {
        segment.blocks.back().size += mapped;
      } else {
        segment.blocks.push_back({mapped, {}, BlockState::kFree});
      }
      at = stop;
    }
    if (at < to) {
      segment.blocks.push_back({Bytes(static_cast<int64_t>(to - at)), {}, BlockState::kUnmapped});
    }
  }

  DeviceRecording& device_;
  const AllocatorSettings& settings_;
  Rounding rounding_;
  Reconstruction result_;
  std::map<uint64_t, StartSegment> plain_;  // by address
  std::map<Key, Extent> extents_;
  std::map<Key, Ranges> mapped_;
  std::vector<std::pair<uint64_t, uint64_t>> mapped_ranges_;
  bool last_is_inferred_ = false;
};

}  // namespace

AllocatorSettings RecordedAllocator(const Recording& recording, std::optional<TorchVersion> torch) {
  const auto [major, minor] = recording.generation.latest;
  AllocatorSettings settings = DefaultSettings(torch.value_or(TorchVersion{major, minor}));
  bool any_expandable = false;
  for (const DeviceRecording& device : recording.devices) {
    for (const RecordedSegment& segment : device.segments) {
      any_expandable = any_expandable || segment.is_expandable;
    }
    for (const Event& event : device.trace.events) {
      any_expandable = any_expandable || event.action == Action::kSegmentMap;
    }
  }
  settings.expandable_segments = any_expandable;
  if (!recording.settings) return settings;
  const RecordedSettings& recorded = *recording.settings;
  settings.max_split_size = recorded.max_split_size;
  if (recorded.expandable_segments) settings.expandable_segments = *recorded.expandable_segments;
  if (recorded.garbage_collection_threshold) {
    settings.garbage_collection_threshold = *recorded.garbage_collection_threshold;
  }
  if (recorded.roundup_power2_divisions) {
    settings.roundup_power2_divisions = *recorded.roundup_power2_divisions;
  }
  // What the summary leaves out stands only in the text that was given.
  if (const auto conf = ParseAllocConf(recorded.conf, settings.torch)) {
    settings.large_segment_size = conf->large_segment_size;
    settings.max_non_split_rounding = conf->max_non_split_rounding;
    settings.memory_fraction = conf->memory_fraction;
    settings.throw_on_cudamalloc_oom = conf->throw_on_cudamalloc_oom;
  }
  return settings;
}

Reconstruction ReconstructStart(DeviceRecording& device, const AllocatorSettings& settings) {
  return Reconstructor(device, settings).Run();
}

}  // namespace vramcast
