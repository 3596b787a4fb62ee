// From rows to a Recording: events go to their devices, frees find their allocations, and what was
// there before the first event is listed.
#include <fmt/format.h>

#include <algorithm>

#include "snapshot/address_map.h"
#include "snapshot/builder.h"
#include "snapshot/generation.h"

namespace vramcast::snapshot {
namespace {

constexpr uint64_t kMostDevices = 1024;

Action ActionOf(uint8_t word) {
  switch (static_cast<Known>(word + static_cast<uint32_t>(Known::kAlloc))) {
    case Known::kAlloc:
      return Action::kAlloc;
    case Known::kFreeRequested:
      return Action::kFreeRequested;
    case Known::kFreeCompleted:
      return Action::kFreeCompleted;
    case Known::kSegmentAlloc:
      return Action::kSegmentAlloc;
    case Known::kSegmentFree:
      return Action::kSegmentFree;
    case Known::kSegmentMap:
      return Action::kSegmentMap;
    case Known::kSegmentUnmap:
      return Action::kSegmentUnmap;
    case Known::kOom:
      return Action::kOom;
    default:
      return Action::kSnapshot;  // and annotations: they change nothing
  }
}

}  // namespace

class Assembler {
 public:
  explicit Assembler(Builder& builder) : in_(builder) {}

  Result<Recording> Run(Value root) {
    Value segments, traces;
    if (root.tag() == Tag::kTop && in_.top_.any) {
      segments = in_.top_.segments;
      traces = in_.top_.traces;
    } else if (root.tag() == Tag::kList && ElementOf(root) == Tag::kSegment) {
      segments = root;  // torch.cuda.memory_snapshot() up to 1.12
    } else {
      return UnreadableError("this is not a memory snapshot of PyTorch");
    }
    if (!IsListOf(segments, Tag::kSegment)) return NotAList("segments", "segments");
    if (!IsListOf(traces, Tag::kList) && !IsListOf(traces, Tag::kEvent)) {
      return NotAList("device_traces", "lists of events");
    }
    AddSegments(segments);
    AddTraces(traces);
    for (size_t i = finished_; i < out_.devices.size(); ++i) Finish(out_.devices[i]);
    AddAnnotations(in_.top_.annotations);
    if (in_.has_settings_) out_.settings = in_.settings_;
    for (const auto& [key, count] : in_.unknown_keys_) {
      out_.unknown_keys[std::string(in_.strings[StringId{key}])] = count;
    }
    out_.pools = in_.pools_;
    out_.generation = FindGeneration({
        .history = in_.seen_history_,
        .expandable = in_.seen_expandable_,
        .segments = !in_.segments_.empty(),
        .events = any_event_,
        .times = any_time_,
        .settings = in_.has_settings_,
        .annotations = in_.top_.annotations.tag() != Tag::kNone,
        .compile_context = in_.seen_compile_context_,
        .stream_reuse = in_.seen_reuse_,
        .metadata = in_.seen_metadata_,
        .pool = in_.seen_pool_,
    });
    for (uint32_t i = 0; i < in_.distinct_frames_.size(); ++i) {
      const auto key = in_.distinct_frames_[FrameId{i}];
      out_.frames.push_back(
          {{static_cast<uint32_t>(key[0])}, {static_cast<uint32_t>(key[1])}, key[2]});
    }
    out_.stacks = std::move(in_.stacks);
    out_.strings = std::move(in_.strings);
    return std::move(out_);
  }

 private:
  Tag ElementOf(Value list) const { return static_cast<Tag>(in_.lists_[list.index()].element); }
  // What is absent is an empty list.
  bool IsListOf(Value value, Tag element) const {
    if (value.tag() == Tag::kNone || value.tag() == Tag::kEmptyList) return true;
    return value.tag() == Tag::kList && ElementOf(value) == element;
  }
  static tl::unexpected<Error> NotAList(std::string_view key, std::string_view of) {
    return UnreadableError(
        fmt::format("this is not a memory snapshot of PyTorch: '{}' is not a list of {}", key, of));
  }
  DeviceRecording& Device(uint64_t ordinal) {
    if (ordinal >= out_.devices.size()) out_.devices.resize(ordinal + 1);
    return out_.devices[ordinal];
  }
  template <typename Visit>
  void ForRows(uint32_t list, Visit visit) {
    for (const RawList::Run& run : in_.lists_[list].runs) {
      for (uint32_t i = 0; i < run.count; ++i) visit(run.begin + i);
    }
  }

  void AddTraces(Value traces) {
    if (traces.tag() != Tag::kList) return;
    if (ElementOf(traces) == Tag::kEvent) return AddEvents(Device(0), traces.index());
    if (ElementOf(traces) != Tag::kList) return;
    uint64_t ordinal = 0;
    std::vector<bool> used(in_.lists_.size());
    ForRows(traces.index(), [&](uint32_t list) {
      if (ordinal >= kMostDevices) return;
      DeviceRecording& device = Device(ordinal++);
      const bool has_events =
          list != kNothing && static_cast<Tag>(in_.lists_[list].element) == Tag::kEvent;
      if (has_events && !used[list]) {
        used[list] = true;
        AddEvents(device, list);
      }
      Finish(device);
      finished_ = ordinal;
      event_pools_.clear();
    });
  }

  void AddEvents(DeviceRecording& device, uint32_t list) {
    const std::vector<RawList::Run>& runs = in_.lists_[list].runs;
    size_t count = 0;
    for (const RawList::Run& run : runs) count += run.count;
    any_event_ = any_event_ || count > 0;
    device.trace.streams = in_.streams_;
    kept_ = 0;
    // Nearly always all events are of one device, in their order: they stay where they are.
    const bool all = runs.size() == 1 && runs[0].begin == 0 && count == in_.events_.size();
    EventRows copies;
    if (!all) copies.Reserve(std::min<size_t>(count, in_.events_.size()));
    EventRows& rows = all ? in_.events_ : copies;
    const uint32_t known = in_.events_.size();
    taken_.resize(known);
    ForRows(list, [&](uint32_t row) {
      // An event stands in one list, once; otherwise a small file could ask for any memory.
      if (row >= known || taken_[row]) {
        ++device.skipped.odd_events;
        return;
      }
      taken_[row] = true;
      AddEvent(device, rows, in_.events_[row], row);
    });
    rows.MoveTo(kept_, &device);
    if (!seen_time_) device.times_us = {};
    if (!device.metadata.empty()) device.metadata.resize(kept_);
    seen_time_ = false;
  }

  void AddEvent(DeviceRecording& device, EventRows& rows, const RawEvent& raw, uint32_t row) {
    if (raw.action == RawEvent::kNoAction) {
      ++device.skipped.unknown_actions;
      return;
    }
    Event event;
    event.action = ActionOf(raw.action);
    event.stream = raw.stream;
    event.size = Bytes(std::max<int64_t>(raw.size, 0));
    event.stack = {raw.stack};
    const bool needs_address = event.action != Action::kSnapshot && event.action != Action::kOom;
    const bool needs_size = event.action != Action::kSnapshot;
    if ((needs_address && (!(raw.seen & kSeenAddress) || raw.address == 0)) ||
        (needs_size && !(raw.seen & kSeenSize))) {
      ++device.skipped.odd_events;
      return;
    }
    if (raw.seen & kSeenOdd) ++device.skipped.odd_events;
    if (raw.seen & kSeenTime) seen_time_ = any_time_ = true;
    rows.Keep(kept_++, event, raw.address, raw.time_us);
    if (const uint32_t string = ExtraOf(in_.event_metadata_, row); string != kNothing) {
      device.metadata.resize(kept_);
      device.metadata.back() = {string};
    }
    if (const uint32_t pool = ExtraOf(in_.event_pools_, row); pool != kNothing) {
      event_pools_.resize(kept_);
      event_pools_.back() = static_cast<uint16_t>(pool);
    }
  }

  static uint32_t ExtraOf(const Builder::Extra& extra, uint32_t row) {
    if (extra.empty()) return kNothing;
    const auto at = std::lower_bound(extra.begin(), extra.end(), row,
                                     [](const auto& a, uint32_t b) { return a.first < b; });
    return at != extra.end() && at->first == row ? at->second : kNothing;
  }

  void AddSegments(Value segments) {
    if (segments.tag() != Tag::kList || ElementOf(segments) != Tag::kSegment) return;
    ForRows(segments.index(), [&](uint32_t row) {
      const RawSegment& raw = in_.segments_[row];
      if (raw.device < 0 || static_cast<uint64_t>(raw.device) >= kMostDevices || raw.size < 0) {
        ++Device(0).skipped.odd_blocks;
        return;
      }
      DeviceRecording& device = Device(static_cast<uint64_t>(raw.device));
      RecordedSegment segment;
      segment.address = raw.address;
      segment.size = Bytes(raw.size);
      segment.stream = raw.stream;
      segment.pool_group = raw.pool;
      segment.is_small = raw.type == static_cast<uint32_t>(Known::kSmall);
      segment.is_expandable = raw.is_expandable;
      segment.stack = {raw.stack};
      if (raw.blocks != kNothing) AddBlocks(device, segment, raw.blocks);
      device.segments.push_back(std::move(segment));
    });
    for (DeviceRecording& device : out_.devices) {
      std::stable_sort(device.segments.begin(), device.segments.end(),
                       [](const auto& a, const auto& b) { return a.address < b.address; });
    }
  }

  void AddBlocks(DeviceRecording& device, RecordedSegment& segment, uint32_t list) {
    if (static_cast<Tag>(in_.lists_[list].element) != Tag::kBlock) return;
    uint64_t address = segment.address;
    const uint64_t end = segment.address + static_cast<uint64_t>(segment.size.count());
    ForRows(list, [&](uint32_t row) {
      const RawBlock& raw = in_.blocks_[row];
      // Up to 2.0 a block does not state its address: blocks follow each other.
      const uint64_t at = raw.has_address ? raw.address : address;
      if (raw.size < 0 || at < address || at > end || static_cast<uint64_t>(raw.size) > end - at) {
        ++device.skipped.odd_blocks;
        return;
      }
      RecordedBlock block;
      block.address = at;
      block.size = Bytes(raw.size);
      block.requested = Bytes(raw.requested);
      block.stack = {raw.stack};
      if (raw.history != kNothing && !in_.lists_[raw.history].runs.empty() &&
          static_cast<Tag>(in_.lists_[raw.history].element) == Tag::kBlock) {
        const RawBlock& latest = in_.blocks_[in_.lists_[raw.history].runs.front().begin];
        if (latest.stack != kNothing) block.stack = {latest.stack};
        if (raw.requested == 0) block.requested = Bytes(latest.requested);
      }
      if (raw.state == static_cast<uint32_t>(Known::kActiveAllocated)) {
        block.state = RecordedState::kAllocated;
      } else if (raw.state == static_cast<uint32_t>(Known::kActivePendingFree) ||
                 raw.state == static_cast<uint32_t>(Known::kActiveAwaitingFree)) {
        block.state = RecordedState::kPending;
      } else if (raw.state != static_cast<uint32_t>(Known::kInactive)) {
        ++device.skipped.odd_blocks;
      }
      address = at + static_cast<uint64_t>(raw.size);
      segment.blocks.push_back(block);
    });
  }

  // Gives every free its allocation, and lists what was there at the beginning.
  void Finish(DeviceRecording& device) {
    Trace& trace = device.trace;
    trace.streams = in_.streams_;
    AddressMap live;
    bool any_completed = false;
    bool any_requested = false;
    for (const Event& event : trace.events) {
      any_completed = any_completed || event.action == Action::kFreeCompleted;
      any_requested = any_requested || event.action == Action::kFreeRequested;
    }
    const auto carry = [&](uint64_t address, Bytes requested, StreamId stream, bool pending) {
      Carried carried;
      carried.allocation = {trace.allocation_count++};
      carried.address = address;
      carried.requested = requested;
      carried.stream = stream;
      carried.pending = pending;
      device.carried.push_back(carried);
      return carried.allocation;
    };
    std::vector<Lost> lost;
    for (size_t i = 0; i < trace.events.size(); ++i) {
      Event& event = trace.events[i];
      switch (event.action) {
        case Action::kAlloc: {
          uint32_t& slot = live.At(device.addresses[i]);
          if (slot != AddressMap::kNone) lost.push_back({i, {slot}});
          event.allocation = {trace.allocation_count++};
          slot = event.allocation.value;
          break;
        }
        case Action::kFreeRequested:
        case Action::kFreeCompleted: {
          const bool requested = event.action == Action::kFreeRequested;
          uint32_t& slot = live.At(device.addresses[i]);
          if (slot == AddressMap::kNone) {
            slot = carry(device.addresses[i], event.size, event.stream, !requested && any_requested)
                       .value;
          }
          event.allocation = {slot};
          // Recordings can leave out completions (skip_actions): then the request ends it.
          if (requested && !any_completed) event.action = Action::kFreeCompleted;
          if (event.action == Action::kFreeCompleted) slot = AddressMap::kNone;
          break;
        }
        default:
          break;
      }
    }
    if (!lost.empty()) InsertLost(device, lost);
    CarryUnfreed(device, live);
    std::sort(device.carried.begin(), device.carried.end(),
              [](const Carried& a, const Carried& b) { return a.address < b.address; });
    FindPools(device);
  }

  // A free that the recording lacks, though its address was handed out again at event `before`.
  struct Lost {
    size_t before;
    AllocationId allocation;
  };
  void InsertLost(DeviceRecording& device, const std::vector<Lost>& lost) {
    device.skipped.lost_frees += lost.size();
    const auto stretch = [&](auto& column, auto make) {
      if (column.empty()) return;
      auto old = std::move(column);
      column.clear();
      column.reserve(old.size() + lost.size());
      size_t next = 0;
      for (size_t i = 0; i < old.size(); ++i) {
        for (; next < lost.size() && lost[next].before == i; ++next) {
          column.push_back(make(old[i], lost[next]));
        }
        column.push_back(old[i]);
      }
    };
    const auto same = [](const auto& value, const Lost&) { return value; };
    stretch(event_pools_, same);
    stretch(device.addresses, same);
    stretch(device.times_us, same);
    stretch(device.metadata, [](StringId, const Lost&) { return StringId{}; });
    stretch(device.trace.events, [](const Event& event, const Lost& free) {
      Event made;
      made.action = Action::kFreeCompleted;
      made.phase = event.phase;
      made.stream = event.stream;
      made.allocation = free.allocation;
      made.size = event.size;
      return made;
    });
  }

  // Active blocks at the end that no event made or freed: there from the beginning.
  void CarryUnfreed(DeviceRecording& device, const AddressMap& live) {
    Trace& trace = device.trace;
    for (const RecordedSegment& segment : device.segments) {
      for (const RecordedBlock& block : segment.blocks) {
        if (block.state == RecordedState::kInactive) continue;
        if (live.Get(block.address) != AddressMap::kNone) continue;
        Carried carried;
        carried.allocation = {trace.allocation_count++};
        carried.address = block.address;
        carried.requested = block.requested;
        carried.block = block.size;
        carried.stack = block.stack;
        carried.pending = block.state == RecordedState::kPending;
        for (size_t s = 0; s < trace.streams.size(); ++s) {
          if (trace.streams[s] == segment.stream) carried.stream = static_cast<StreamId>(s);
        }
        device.carried.push_back(carried);
      }
    }
  }

  // The private pool of each allocation: stated from 2.12 on, else read off the final segments.
  void FindPools(DeviceRecording& device) {
    bool any = !event_pools_.empty();
    for (const RecordedSegment& segment : device.segments) any = any || segment.pool_group != 0;
    if (!any) return;
    Trace& trace = device.trace;
    trace.pool_groups.assign(trace.allocation_count, 0);
    const auto pool_at = [&](uint64_t address) -> uint16_t {
      auto after = std::upper_bound(
          device.segments.begin(), device.segments.end(), address,
          [](uint64_t a, const RecordedSegment& segment) { return a < segment.address; });
      if (after == device.segments.begin()) return 0;
      --after;
      const bool inside = address - after->address < static_cast<uint64_t>(after->size.count());
      return inside ? after->pool_group : uint16_t{0};
    };
    for (size_t i = 0; i < trace.events.size(); ++i) {
      const Event& event = trace.events[i];
      if (event.action != Action::kAlloc) continue;
      const uint16_t stated = i < event_pools_.size() ? event_pools_[i] : uint16_t{0};
      trace.pool_groups[event.allocation.value] =
          in_.seen_pool_ ? stated : pool_at(device.addresses[i]);
    }
    for (const Carried& carried : device.carried) {
      trace.pool_groups[carried.allocation.value] = pool_at(carried.address);
    }
  }

  void AddAnnotations(Value list) {
    if (list.tag() != Tag::kList || ElementOf(list) != Tag::kAnnotation) return;
    ForRows(list.index(), [&](uint32_t row) {
      const RawAnnotation& raw = in_.annotations_[row];
      out_.annotations.push_back(
          {static_cast<int>(std::clamp<int64_t>(raw.device, -1, kMostDevices)),
           {raw.name},
           raw.is_end,
           raw.time_us});
    });
  }

  Builder& in_;
  Recording out_;
  std::vector<uint16_t> event_pools_;  // by event of the device at hand
  std::vector<bool> taken_;            // by row of the events
  uint32_t kept_ = 0;                  // events of the device at hand
  size_t finished_ = 0;                // devices
  bool any_event_ = false;
  bool any_time_ = false;
  bool seen_time_ = false;
};

Result<Recording> Builder::Assemble(Value root) { return Assembler(*this).Run(root); }

}  // namespace vramcast::snapshot
