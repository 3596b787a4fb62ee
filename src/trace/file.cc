#include "trace/file.h"

#include <zstd.h>

#include <algorithm>
#include <bit>

namespace vramcast {
namespace {

class Writer {
 public:
  std::string out;

  void Number(uint64_t value) {
    while (value >= 0x80) {
      out += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out += static_cast<char>(value);
  }
  void Signed(int64_t value) {
    Number(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63));
  }
  void Text(std::string_view text) {
    Number(text.size());
    out += text;
  }
  void Id(uint32_t id) { Number((static_cast<uint64_t>(id) + 1) & UINT32_MAX); }  // kNone is 0
};

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  uint64_t offset() const { return at_; }

  uint64_t Number() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ >= bytes_.size()) break;
      const uint8_t byte = bytes_[at_++];
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }
  int64_t Signed() {
    const uint64_t value = Number();
    return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
  }
  std::string_view Text() {
    const uint64_t size = Number();
    if (size > bytes_.size() - at_) {
      failed_ = true;
      return {};
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, size);
    at_ += size;
    return text;
  }
  uint32_t Id() { return static_cast<uint32_t>(Number()) - 1; }
  // How many rows follow; each takes at least one byte, so a lie is found at once.
  uint64_t Count() {
    const uint64_t count = Number();
    if (count > bytes_.size() - at_) failed_ = true;
    return failed_ ? 0 : count;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  bool failed_ = false;
};

// Wraps around, as the reader's sums do: times and sizes of foreign files may be anything.
int64_t Difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

bool HasAllocation(Action action) {
  return action == Action::kAlloc || action == Action::kFreeRequested ||
         action == Action::kFreeCompleted;
}

// Ids are given out one by one; those that nothing names need not be kept.
uint32_t NamedAllocations(const DeviceRecording& device) {
  uint32_t count = 0;
  for (const Event& event : device.trace.events) {
    if (HasAllocation(event.action) && event.allocation.value < device.trace.allocation_count) {
      count = std::max(count, event.allocation.value + 1);
    }
  }
  for (const Carried& carried : device.carried) {
    count = std::max(count, carried.allocation.value + 1);
  }
  return count;
}

void WriteEvents(const DeviceRecording& device, Writer& w) {
  const Trace& trace = device.trace;
  w.Number(NamedAllocations(device));
  w.Number(trace.events.size());
  // A free has the address of its allocation, and ids mostly count up.
  std::vector<uint64_t> address_of(trace.allocation_count);
  std::vector<int64_t> size_of(trace.allocation_count);
  for (const Event& event : trace.events) w.out += static_cast<char>(event.action);
  uint64_t next = 0;
  for (const Event& event : trace.events) {
    if (!HasAllocation(event.action)) continue;
    const uint64_t id = event.allocation.value;
    w.Signed(static_cast<int64_t>(id - next));
    next = event.action == Action::kAlloc ? id + 1 : next;
  }
  for (const Event& event : trace.events) w.Number(event.stream);
  for (const Event& event : trace.events) w.out += static_cast<char>(event.phase);
  for (const Event& event : trace.events) {
    const bool known = HasAllocation(event.action) && event.action != Action::kAlloc &&
                       event.allocation.value < size_of.size();
    int64_t before = known ? size_of[event.allocation.value] : 0;
    w.Signed(Difference(event.size.count(), before));
    if (HasAllocation(event.action) && event.allocation.value < size_of.size()) {
      size_of[event.allocation.value] = event.size.count();
    }
  }
  uint32_t stack = 0;
  for (const Event& event : trace.events) {
    w.Signed(static_cast<int32_t>(event.stack.value - stack));
    stack = event.stack.value;
  }
  for (const Event& event : trace.events) w.Id(event.label.value);
  w.Number(device.addresses.empty() ? 0 : 1);
  uint64_t last = 0;
  for (size_t i = 0; i < device.addresses.size(); ++i) {
    const Event& event = trace.events[i];
    const bool known = HasAllocation(event.action) && event.allocation.value < address_of.size();
    const uint64_t before =
        known && event.action != Action::kAlloc ? address_of[event.allocation.value] : last;
    w.Signed(static_cast<int64_t>(device.addresses[i] - before));
    if (known) address_of[event.allocation.value] = device.addresses[i];
    if (event.action == Action::kAlloc) last = device.addresses[i];
  }
  w.Number(device.times_us.empty() ? 0 : 1);
  int64_t time = 0;
  for (const int64_t t : device.times_us) {
    w.Signed(Difference(t, time));
    time = t;
  }
  w.Number(device.metadata.empty() ? 0 : 1);
  for (const StringId id : device.metadata) w.Id(id.value);
}

bool ReadEvents(Reader& r, DeviceRecording& device) {
  Trace& trace = device.trace;
  // An event or a carried block names each, and takes several bytes: a lie is found at once.
  const uint64_t allocations = r.Count();
  const uint64_t count = r.Count();
  if (r.failed() || allocations > UINT32_MAX - 1) return false;
  trace.allocation_count = static_cast<uint32_t>(allocations);
  trace.events.resize(count);
  std::vector<uint64_t> address_of;
  std::vector<int64_t> size_of;
  const auto at = [&](auto& table, AllocationId id) -> auto& {
    if (id.value >= table.size()) table.resize(id.value + 1ul);
    return table[id.value];
  };
  for (Event& event : trace.events) {
    const uint64_t action = r.Number();
    if (action > static_cast<uint64_t>(Action::kEmptyCache)) return false;
    event.action = static_cast<Action>(action);
  }
  uint64_t next = 0;
  for (Event& event : trace.events) {
    if (!HasAllocation(event.action)) continue;
    const uint64_t id = next + static_cast<uint64_t>(r.Signed());
    if (id >= allocations) return false;
    event.allocation = {static_cast<uint32_t>(id)};
    next = event.action == Action::kAlloc ? id + 1 : next;
  }
  for (Event& event : trace.events) event.stream = static_cast<StreamId>(r.Number());
  for (Event& event : trace.events) {
    const uint64_t phase = r.Number();
    if (phase >= kPhaseCount) return false;
    event.phase = static_cast<Phase>(phase);
  }
  for (Event& event : trace.events) {
    const bool known = HasAllocation(event.action);
    const bool is_free = known && event.action != Action::kAlloc;
    const uint64_t before =
        is_free ? static_cast<uint64_t>(at(size_of, event.allocation)) : uint64_t{0};
    event.size = Bytes(static_cast<int64_t>(static_cast<uint64_t>(r.Signed()) + before));
    if (event.size < Bytes(0)) return false;
    if (known) at(size_of, event.allocation) = event.size.count();
  }
  uint32_t stack = 0;
  for (Event& event : trace.events) {
    stack += static_cast<uint32_t>(r.Signed());
    event.stack = {stack};
  }
  for (Event& event : trace.events) event.label = {r.Id()};
  if (r.Number() != 0) {
    device.addresses.resize(count);
    uint64_t last = 0;
    for (size_t i = 0; i < count; ++i) {
      const Event& event = trace.events[i];
      const bool known = HasAllocation(event.action);
      const bool is_free = known && event.action != Action::kAlloc;
      const uint64_t before = is_free ? at(address_of, event.allocation) : last;
      device.addresses[i] = before + static_cast<uint64_t>(r.Signed());
      if (known) at(address_of, event.allocation) = device.addresses[i];
      if (event.action == Action::kAlloc) last = device.addresses[i];
    }
  } else {
    device.addresses.resize(count);
  }
  if (r.Number() != 0) {
    device.times_us.resize(count);
    uint64_t time = 0;
    for (int64_t& t : device.times_us) {
      time += static_cast<uint64_t>(r.Signed());
      t = static_cast<int64_t>(time);
    }
  }
  if (r.Number() != 0) {
    device.metadata.resize(count);
    for (StringId& id : device.metadata) id = {r.Id()};
  }
  return !r.failed();
}

void WriteState(const DeviceRecording& device, Writer& w) {
  w.Number(device.trace.streams.size());
  for (const uint64_t stream : device.trace.streams) w.Number(stream);
  w.Number(device.trace.labels.size());
  for (const Label& label : device.trace.labels) {
    w.Number(static_cast<uint64_t>(label.category));
    w.Text(label.name);
  }
  w.Number(device.trace.pool_groups.size());
  for (const uint16_t group : device.trace.pool_groups) w.Number(group);
  w.Number(device.segments.size());
  for (const RecordedSegment& segment : device.segments) {
    w.Number(segment.address);
    w.Number(static_cast<uint64_t>(segment.size.count()));
    w.Number(segment.stream);
    w.Number(segment.pool_group);
    w.Number((segment.is_small ? 1u : 0u) | (segment.is_expandable ? 2u : 0u));
    w.Id(segment.stack.value);
    w.Number(segment.blocks.size());
    uint64_t end = segment.address;
    for (const RecordedBlock& block : segment.blocks) {
      w.Number(block.address - end);
      w.Number(static_cast<uint64_t>(block.size.count()));
      w.Signed(block.requested.count());
      w.Number(static_cast<uint64_t>(block.state));
      w.Id(block.stack.value);
      end = block.address + static_cast<uint64_t>(block.size.count());
    }
  }
  w.Number(device.carried.size());
  for (const Carried& carried : device.carried) {
    w.Number(carried.allocation.value);
    w.Number(carried.address);
    w.Signed(carried.requested.count());
    w.Number(carried.block ? static_cast<uint64_t>(carried.block->count()) + 1 : 0);
    w.Number(carried.stream);
    w.Id(carried.stack.value);
    w.Number(carried.pending ? 1 : 0);
  }
  const Skipped& s = device.skipped;
  for (const uint64_t n :
       {s.unknown_actions, s.odd_events, s.lost_frees, s.unknown_frees, s.odd_blocks}) {
    w.Number(n);
  }
}

bool ReadState(Reader& r, DeviceRecording& device) {
  const auto size = [&] { return Bytes(static_cast<int64_t>(r.Number() & INT64_MAX)); };
  device.trace.streams.resize(r.Count());
  for (uint64_t& stream : device.trace.streams) stream = r.Number();
  device.trace.labels.resize(r.Count());
  for (Label& label : device.trace.labels) {
    const uint64_t category = r.Number();
    if (category >= kCategoryCount) return false;
    label.category = static_cast<Category>(category);
    label.name = r.Text();
  }
  device.trace.pool_groups.resize(r.Count());
  for (uint16_t& group : device.trace.pool_groups) group = static_cast<uint16_t>(r.Number());
  device.segments.resize(r.Count());
  for (RecordedSegment& segment : device.segments) {
    segment.address = r.Number();
    segment.size = size();
    segment.stream = r.Number();
    segment.pool_group = static_cast<uint16_t>(r.Number());
    const uint64_t flags = r.Number();
    segment.is_small = flags & 1;
    segment.is_expandable = flags & 2;
    segment.stack = {r.Id()};
    segment.blocks.resize(r.Count());
    uint64_t end = segment.address;
    for (RecordedBlock& block : segment.blocks) {
      block.address = end + r.Number();
      block.size = size();
      block.requested = Bytes(r.Signed());
      block.state = static_cast<RecordedState>(r.Number() % 3);
      block.stack = {r.Id()};
      end = block.address + static_cast<uint64_t>(block.size.count());
    }
    if (r.failed()) return false;
  }
  device.carried.resize(r.Count());
  for (Carried& carried : device.carried) {
    carried.allocation = {static_cast<uint32_t>(r.Number())};
    carried.address = r.Number();
    carried.requested = Bytes(r.Signed());
    const uint64_t block = r.Number();
    if (block > 0) carried.block = Bytes(static_cast<int64_t>((block - 1) & INT64_MAX));
    carried.stream = static_cast<StreamId>(r.Number());
    carried.stack = {r.Id()};
    carried.pending = r.Number() != 0;
    if (carried.allocation.value >= device.trace.allocation_count) return false;
  }
  Skipped& s = device.skipped;
  for (uint64_t* n :
       {&s.unknown_actions, &s.odd_events, &s.lost_frees, &s.unknown_frees, &s.odd_blocks}) {
    *n = r.Number();
  }
  return !r.failed();
}

void WriteTables(const Recording& recording, Writer& w) {
  w.Number(recording.strings.size());
  for (uint32_t i = 0; i < recording.strings.size(); ++i) w.Text(recording.strings[StringId{i}]);
  w.Number(recording.frames.size());
  for (const Frame& frame : recording.frames) {
    w.Id(frame.file.value);
    w.Id(frame.function.value);
    w.Number(frame.line);
  }
  w.Number(recording.stacks.size());
  for (uint32_t i = 0; i < recording.stacks.size(); ++i) {
    const auto frames = recording.stacks[StackId{i}];
    w.Number(frames.size());
    uint32_t last = 0;
    for (const FrameId id : frames) {
      w.Signed(static_cast<int32_t>(id.value - last));
      last = id.value;
    }
  }
  w.Number(recording.pools.size());
  for (const auto& [a, b] : recording.pools) {
    w.Signed(a);
    w.Signed(b);
  }
  w.Number(recording.annotations.size());
  for (const Annotation& annotation : recording.annotations) {
    w.Signed(annotation.device);
    w.Id(annotation.name.value);
    w.Number(annotation.is_end ? 1 : 0);
    w.Signed(annotation.time_us);
  }
  const Generation& g = recording.generation;
  for (const int n : {g.earliest.first, g.earliest.second, g.latest.first, g.latest.second}) {
    w.Number(static_cast<uint64_t>(n));
  }
  w.Number(recording.unknown_keys.size());
  for (const auto& [key, count] : recording.unknown_keys) {
    w.Text(key);
    w.Number(count);
  }
  w.Number(recording.settings ? 1 : 0);
  if (!recording.settings) return;
  const RecordedSettings& s = *recording.settings;
  w.Text(s.conf);
  w.Number(s.max_split_size ? static_cast<uint64_t>(s.max_split_size->count()) + 1 : 0);
  w.Number(s.garbage_collection_threshold ? 1 : 0);
  w.Number(std::bit_cast<uint64_t>(s.garbage_collection_threshold.value_or(0)));
  w.Number(s.expandable_segments ? 1u + (*s.expandable_segments ? 1u : 0u) : 0u);
  w.Number(s.roundup_power2_divisions ? 1 : 0);
  for (const uint32_t d : s.roundup_power2_divisions.value_or(std::array<uint32_t, 16>{})) {
    w.Number(d);
  }
}

bool ReadTables(Reader& r, Recording& recording) {
  const uint64_t strings = r.Count();
  for (uint64_t i = 0; i < strings && !r.failed(); ++i) {
    if (recording.strings.Intern(r.Text()).value != i) return false;
  }
  recording.frames.resize(r.Count());
  for (Frame& frame : recording.frames) {
    frame.file = {r.Id()};
    frame.function = {r.Id()};
    frame.line = r.Number();
  }
  const uint64_t stacks = r.Count();
  std::vector<FrameId> frames;
  for (uint64_t i = 0; i < stacks && !r.failed(); ++i) {
    frames.resize(r.Count());
    uint32_t last = 0;
    for (FrameId& id : frames) {
      last += static_cast<uint32_t>(r.Signed());
      id = {last};
    }
    if (recording.stacks.Intern(frames).value != i) return false;
  }
  recording.pools.resize(r.Count());
  for (auto& [a, b] : recording.pools) {
    a = r.Signed();
    b = r.Signed();
  }
  recording.annotations.resize(r.Count());
  for (Annotation& annotation : recording.annotations) {
    annotation.device = static_cast<int>(r.Signed());
    annotation.name = {r.Id()};
    annotation.is_end = r.Number() != 0;
    annotation.time_us = r.Signed();
  }
  Generation& g = recording.generation;
  for (int* n : {&g.earliest.first, &g.earliest.second, &g.latest.first, &g.latest.second}) {
    *n = static_cast<int>(r.Number() & 0xffff);
  }
  const uint64_t keys = r.Count();
  for (uint64_t i = 0; i < keys && !r.failed(); ++i) {
    const std::string key(r.Text());
    recording.unknown_keys[key] = r.Number();
  }
  if (r.Number() == 0) return !r.failed();
  RecordedSettings& s = recording.settings.emplace();
  s.conf = r.Text();
  if (const uint64_t n = r.Number()) {
    s.max_split_size = Bytes(static_cast<int64_t>((n - 1) & INT64_MAX));
  }
  const bool has_threshold = r.Number() != 0;
  const double threshold = std::bit_cast<double>(r.Number());
  if (has_threshold) s.garbage_collection_threshold = threshold;
  if (const uint64_t n = r.Number()) s.expandable_segments = n == 2;
  const bool has_divisions = r.Number() != 0;
  std::array<uint32_t, 16> divisions = {};
  for (uint32_t& d : divisions) d = static_cast<uint32_t>(r.Number());
  if (has_divisions) s.roundup_power2_divisions = divisions;
  return !r.failed();
}

}  // namespace

std::string WriteTraceFile(const Recording& recording) {
  Writer w;
  w.out = kTraceMagic;
  WriteTables(recording, w);
  w.Number(recording.devices.size());
  for (const DeviceRecording& device : recording.devices) {
    WriteEvents(device, w);
    WriteState(device, w);
  }
  std::string packed(ZSTD_compressBound(w.out.size()), '\0');
  constexpr int kLevel = 6;
  packed.resize(ZSTD_compress(packed.data(), packed.size(), w.out.data(), w.out.size(), kLevel));
  return packed;
}

Result<Recording> ReadTraceContent(std::span<const uint8_t> content) {
  const std::string_view head(reinterpret_cast<const char*>(content.data()), content.size());
  if (!head.starts_with(kTraceMagic)) return UnreadableError("not a trace file of vramcast", 0);
  Reader r(content.subspan(kTraceMagic.size()));
  Recording recording;
  bool ok = ReadTables(r, recording);
  const uint64_t devices = ok ? r.Count() : 0;
  for (uint64_t i = 0; i < devices && ok; ++i) {
    DeviceRecording& device = recording.devices.emplace_back();
    ok = ReadEvents(r, device) && ReadState(r, device);
  }
  if (!ok || r.failed()) {
    return UnreadableError("the trace file is damaged", kTraceMagic.size() + r.offset());
  }
  return recording;
}

}  // namespace vramcast
