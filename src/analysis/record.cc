#include "analysis/record.h"

#include <algorithm>
#include <unordered_map>

#include "allocator/player.h"

namespace vramcast {
namespace {

// A simulated device that writes down what it is asked for.
class LoggingDevice final : public Device {
 public:
  struct Entry {
    Action action;
    uint64_t address;
    Request request;
  };
  std::vector<Entry> log;

  explicit LoggingDevice(const DeviceSpec& spec) : inner(spec) {}
  SimulatedDevice inner;

  std::optional<uint64_t> Allocate(const Request& request) override {
    const auto address = inner.Allocate(request);
    if (address) log.push_back({Action::kSegmentAlloc, *address, request});
    return address;
  }
  void Free(uint64_t address, const Request& request) override {
    inner.Free(address, request);
    log.push_back({Action::kSegmentFree, address, request});
  }
  uint64_t Reserve(const Request& request) override { return inner.Reserve(request); }
  bool Map(uint64_t address, const Request& request) override {
    if (!inner.Map(address, request)) return false;
    log.push_back({Action::kSegmentMap, address, request});
    return true;
  }
  void Unmap(uint64_t address, const Request& request) override {
    inner.Unmap(address, request);
    log.push_back({Action::kSegmentUnmap, address, request});
  }
  std::optional<Bytes> FreeBytes() const override { return inner.FreeBytes(); }
  std::optional<Bytes> total() const override { return inner.total(); }
};

// The segments as a snapshot lists them: one entry per contiguous mapped range.
void AddSegments(const Allocator& allocator, const Trace& trace,
                 const std::unordered_map<uint32_t, StackId>& stack_of, DeviceRecording* out) {
  for (uint32_t s = 0; s < allocator.segment_count(); ++s) {
    const Segment& segment = allocator.segment(s);
    if (!segment.alive) continue;
    RecordedSegment entry;
    const auto flush = [&] {
      if (!entry.blocks.empty()) out->segments.push_back(entry);
      entry = RecordedSegment{};
    };
    for (BlockId id = segment.first; id.valid(); id = allocator.block(id).next) {
      const Block& block = allocator.block(id);
      if (block.state == BlockState::kUnmapped) {
        flush();
        continue;
      }
      if (entry.blocks.empty()) {
        entry.address = block.address;
        entry.stream = block.stream < trace.streams.size() ? trace.streams[block.stream] : 0;
        entry.pool_group = static_cast<uint16_t>(segment.pool / 2);
        entry.is_small = (segment.pool & 1) == 0;
        entry.is_expandable = segment.expandable;
      }
      entry.size += Bytes(block.size);
      RecordedBlock recorded;
      recorded.address = block.address;
      recorded.size = Bytes(block.size);
      recorded.requested = Bytes(block.requested);
      recorded.state = block.state == BlockState::kAllocated ? RecordedState::kAllocated
                       : block.state == BlockState::kPending ? RecordedState::kPending
                                                             : RecordedState::kInactive;
      const auto at = stack_of.find(id.value);
      if (at != stack_of.end()) recorded.stack = at->second;
      entry.blocks.push_back(recorded);
    }
    flush();
  }
  std::sort(out->segments.begin(), out->segments.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
}

}  // namespace

Replay Record(const Trace& trace, const AllocatorSettings& settings, const DeviceSpec& spec) {
  LoggingDevice device(spec);
  OccupyStart(trace, device.inner);
  Player player(trace, settings, device);
  Replay replay;
  DeviceRecording& out = replay.recording;
  out.trace.streams = trace.streams;
  out.trace.labels = trace.labels;
  out.trace.allocation_count = trace.allocation_count;
  std::unordered_map<uint32_t, StackId> stack_of;  // by block
  std::vector<uint64_t> address_of(trace.allocation_count);
  std::vector<Bytes> size_of(trace.allocation_count);
  for (const StartSegment& segment : trace.start) {
    uint64_t address = segment.address;
    for (const StartBlock& block : segment.blocks) {
      if (block.allocation.value < address_of.size()) {
        address_of[block.allocation.value] = address;
        size_of[block.allocation.value] = block.requested;
      }
      address += static_cast<uint64_t>(block.size.count());
    }
  }
  const auto add = [&](const Event& event, uint64_t address) {
    out.trace.events.push_back(event);
    out.addresses.push_back(address);
  };
  for (uint32_t i = 0; i < trace.events.size(); ++i) {
    Event event = trace.events[i];
    device.log.clear();
    const bool ok = player.Step(i);
    for (const LoggingDevice::Entry& entry : device.log) {
      Event segment;
      segment.action = entry.action;
      segment.phase = event.phase;
      segment.stream = entry.request.stream;
      segment.size = Bytes(entry.request.size);
      segment.stack = event.stack;
      add(segment, entry.address);
    }
    if (!ok) {
      event.action = Action::kOom;
      event.size = player.oom()->requested;
      add(event, static_cast<uint64_t>(player.oom()->device_free.value_or(Bytes(0)).count()));
      break;
    }
    const bool known = event.allocation.value < address_of.size();
    if (event.action == Action::kAlloc && known) {
      const BlockId block = player.BlockOf(event.allocation);
      if (!block.valid()) continue;
      stack_of[block.value] = event.stack;
      address_of[event.allocation.value] = player.allocator().block(block).address;
      size_of[event.allocation.value] = event.size;
      add(event, address_of[event.allocation.value]);
    } else if (known && address_of[event.allocation.value] != 0 &&
               (event.action == Action::kFreeRequested || event.action == Action::kFreeCompleted)) {
      event.size = size_of[event.allocation.value];  // a free shows what was requested
      // A trace that frees at once shows both steps in a snapshot.
      const bool both =
          event.action == Action::kFreeCompleted &&
          (out.trace.events.empty() || out.trace.events.back().allocation != event.allocation);
      if (both) {
        Event request = event;
        request.action = Action::kFreeRequested;
        add(request, address_of[event.allocation.value]);
      }
      add(event, address_of[event.allocation.value]);
    } else if (event.action == Action::kSnapshot) {
      add(event, 0);
    }
  }
  AddSegments(player.allocator(), trace, stack_of, &out);
  replay.run = player.Finish();
  return replay;
}

Recording RecordLabelled(Trace trace, const AllocatorSettings& settings, const DeviceSpec& spec) {
  Recording recording;
  std::vector<StackId> stack_of;  // by LabelId
  for (const Label& label : trace.labels) {
    Frame frame;
    frame.file = recording.strings.Intern(CategoryName(label.category));
    frame.function = recording.strings.Intern(label.name);
    const FrameId id = {static_cast<uint32_t>(recording.frames.size())};
    recording.frames.push_back(frame);
    stack_of.push_back(recording.stacks.Intern({&id, 1}));
  }
  for (Event& event : trace.events) {
    if (event.label.value < stack_of.size()) event.stack = stack_of[event.label.value];
  }
  recording.devices.push_back(Record(trace, settings, spec).recording);
  recording.settings = AsRecorded(settings);
  const std::pair version = {settings.torch.major, settings.torch.minor};
  recording.generation = {version, version};
  return recording;
}

RecordedSettings AsRecorded(const AllocatorSettings& settings) {
  RecordedSettings recorded;
  recorded.conf = FormatAllocConf(settings);
  recorded.max_split_size = settings.max_split_size;
  recorded.expandable_segments = settings.expandable_segments;
  recorded.garbage_collection_threshold = settings.garbage_collection_threshold;
  recorded.roundup_power2_divisions = settings.roundup_power2_divisions;
  return recorded;
}

}  // namespace vramcast
