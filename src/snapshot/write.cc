#include "snapshot/write.h"

#include <cstring>
#include <unordered_map>
#include <vector>

#include "snapshot/opcodes.h"

namespace vramcast::snapshot {
namespace {

class Pickler {
 public:
  std::string out = "\x80\x04";

  void Op(Op op) { out += static_cast<char>(op); }
  void Raw(uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  }
  void Number(uint64_t value) {
    if (value < 256) {
      Op(kBinInt1);
      Raw(value, 1);
    } else if (value < 65536) {
      Op(kBinInt2);
      Raw(value, 2);
    } else if (value < (1u << 31)) {
      Op(kBinInt);
      Raw(value, 4);
    } else {
      // One byte more where the highest bit would read as a sign.
      Op(kLong1);
      size_t bytes = 1;
      while (bytes < 8 && value >> (8 * bytes - 1) != 0) ++bytes;
      if (value >> 63 != 0) bytes = 9;
      Raw(bytes, 1);
      Raw(value, std::min<size_t>(bytes, 8));
      if (bytes == 9) Raw(0, 1);
    }
  }
  void Bool(bool value) { Op(value ? kNewTrue : kNewFalse); }
  void Real(double value) {
    uint64_t bits;
    std::memcpy(&bits, &value, 8);
    Op(kBinFloat);
    for (int i = 7; i >= 0; --i) out += static_cast<char>(bits >> (8 * i));
  }
  // A string is written once and remembered.
  void Text(std::string_view text) {
    const auto [at, fresh] = texts_.try_emplace(std::string(text), next_);
    if (!fresh) return Get(at->second);
    Op(kBinUnicode);
    Raw(text.size(), 4);
    out += text;
    Op(kMemoize);
    ++next_;
  }
  void Get(uint32_t slot) {
    Op(slot < 256 ? kBinGet : kLongBinGet);
    Raw(slot, slot < 256 ? 1 : 4);
  }
  // Remembers what was just written.
  uint32_t Remember() {
    Op(kMemoize);
    return next_++;
  }
  void OpenDict() {
    Op(kEmptyDict);
    Op(kMark);
  }
  void OpenList() {
    Op(kEmptyList);
    Op(kMark);
    open_.push_back(0);
  }
  // Called before each item of a list: viewers cannot take more than about 100,000 at once.
  void NextItem() {
    if (open_.back()++ % 1000 == 999) {
      Op(kAppends);
      Op(kMark);
    }
  }
  void CloseDict() { Op(kSetItems); }
  void CloseList() {
    Op(kAppends);
    open_.pop_back();
  }

 private:
  std::unordered_map<std::string, uint32_t> texts_;
  std::vector<uint32_t> open_;
  uint32_t next_ = 0;
};

std::string_view ActionName(Action action) {
  switch (action) {
    case Action::kAlloc:
      return "alloc";
    case Action::kFreeRequested:
      return "free_requested";
    case Action::kFreeCompleted:
      return "free_completed";
    case Action::kSegmentAlloc:
      return "segment_alloc";
    case Action::kSegmentFree:
      return "segment_free";
    case Action::kSegmentMap:
      return "segment_map";
    case Action::kSegmentUnmap:
      return "segment_unmap";
    case Action::kOom:
      return "oom";
    case Action::kSnapshot:
    case Action::kEmptyCache:
      break;
  }
  return "snapshot";
}

class SnapshotWriter {
 public:
  explicit SnapshotWriter(const Recording& recording) : in_(recording) {}

  std::string Run() {
    p_.OpenDict();
    p_.Text("segments");
    p_.OpenList();
    for (size_t d = 0; d < in_.devices.size(); ++d) {
      for (const RecordedSegment& segment : in_.devices[d].segments) WriteSegment(d, segment);
    }
    p_.CloseList();
    p_.Text("device_traces");
    p_.OpenList();
    for (const DeviceRecording& device : in_.devices) {
      p_.NextItem();
      WriteEvents(device);
    }
    p_.CloseList();
    p_.Text("allocator_settings");
    WriteSettings();
    p_.Text("external_annotations");
    p_.OpenList();
    for (const Annotation& annotation : in_.annotations) {
      p_.NextItem();
      p_.OpenDict();
      Pair("device", static_cast<uint64_t>(std::max(annotation.device, 0)));
      p_.Text("name");
      p_.Text(in_.strings[annotation.name]);
      p_.Text("stage");
      p_.Text(annotation.is_end ? "END" : "START");
      Pair("time_us", static_cast<uint64_t>(std::max<int64_t>(annotation.time_us, 0)));
      p_.CloseDict();
    }
    p_.CloseList();
    p_.CloseDict();
    p_.Op(kStop);
    return std::move(p_.out);
  }

 private:
  void Pair(std::string_view key, uint64_t value) {
    p_.Text(key);
    p_.Number(value);
  }
  void Pair(std::string_view key, Bytes value) {
    Pair(key, static_cast<uint64_t>(std::max<int64_t>(value.count(), 0)));
  }

  void WriteFrame(std::string_view file, std::string_view function, uint64_t line) {
    p_.OpenDict();
    p_.Text("name");
    p_.Text(function);
    p_.Text("filename");
    p_.Text(file);
    Pair("line", line);
    p_.CloseDict();
  }
  void WriteStack(StackId stack) {
    const auto [at, fresh] = stacks_.try_emplace(stack.value, 0);
    if (!fresh) return p_.Get(at->second);
    p_.OpenList();
    for (const FrameId id : in_.stacks[stack]) {
      if (id.value >= in_.frames.size()) continue;
      p_.NextItem();
      const auto [slot, is_new] = frames_.try_emplace(id.value, 0);
      if (!is_new) {
        p_.Get(slot->second);
        continue;
      }
      const Frame& frame = in_.frames[id.value];
      WriteFrame(in_.strings[frame.file], in_.strings[frame.function], frame.line);
      slot->second = p_.Remember();
    }
    p_.CloseList();
    at->second = p_.Remember();
  }
  void WriteStack(const Trace& trace, const Event& event) {
    p_.Text("frames");
    if (event.stack.valid() || event.label.value >= trace.labels.size()) {
      return WriteStack(event.stack);
    }
    const Label& label = trace.labels[event.label.value];
    p_.OpenList();
    p_.NextItem();
    WriteFrame(CategoryName(label.category), label.name, 0);
    p_.CloseList();
  }

  void WriteSegment(size_t device, const RecordedSegment& segment) {
    p_.NextItem();
    Bytes allocated, active, requested;
    for (const RecordedBlock& block : segment.blocks) {
      if (block.state == RecordedState::kInactive) continue;
      active += block.size;
      requested += block.requested;
      if (block.state == RecordedState::kAllocated) allocated += block.size;
    }
    p_.OpenDict();
    Pair("device", device);
    Pair("address", segment.address);
    Pair("total_size", segment.size);
    Pair("allocated_size", allocated);
    Pair("active_size", active);
    Pair("requested_size", requested);
    Pair("stream", segment.stream);
    p_.Text("segment_type");
    p_.Text(segment.is_small ? "small" : "large");
    p_.Text("segment_pool_id");
    WritePool(segment.pool_group);
    p_.Text("is_expandable");
    p_.Bool(segment.is_expandable);
    p_.Text("frames");
    WriteStack(segment.stack);
    p_.Text("blocks");
    p_.OpenList();
    for (const RecordedBlock& block : segment.blocks) {
      p_.NextItem();
      p_.OpenDict();
      Pair("address", block.address);
      Pair("size", block.size);
      Pair("requested_size", block.requested);
      p_.Text("state");
      p_.Text(block.state == RecordedState::kAllocated ? "active_allocated"
              : block.state == RecordedState::kPending ? "active_pending_free"
                                                       : "inactive");
      p_.Text("frames");
      WriteStack(block.stack);
      p_.CloseDict();
    }
    p_.CloseList();
    p_.CloseDict();
  }

  void WriteEvents(const DeviceRecording& device) {
    p_.OpenList();
    for (size_t i = 0; i < device.trace.events.size(); ++i) {
      const Event& event = device.trace.events[i];
      p_.NextItem();
      p_.OpenDict();
      p_.Text("action");
      p_.Text(ActionName(event.action));
      Pair(event.action == Action::kOom ? "device_free" : "addr",
           i < device.addresses.size() ? device.addresses[i] : 0);
      Pair("size", event.size);
      Pair("stream", event.stream < device.trace.streams.size() ? device.trace.streams[event.stream]
                                                                : uint64_t{0});
      Pair("time_us", i < device.times_us.size()
                          ? static_cast<uint64_t>(std::max<int64_t>(device.times_us[i], 0))
                          : i);
      WriteStack(device.trace, event);
      WriteNewerKeys(device, event, i);
      p_.CloseDict();
    }
    p_.CloseList();
  }

  // What later versions added; by these keys a reader tells them apart.
  bool IsFrom(int minor) const { return in_.generation.latest >= std::pair(2, minor); }
  void WriteNewerKeys(const DeviceRecording& device, const Event& event, size_t i) {
    if (IsFrom(8)) {
      p_.Text("compile_context");
      p_.Text("N/A");
    }
    if (IsFrom(10)) {
      p_.Text("user_metadata");
      p_.Text(i < device.metadata.size() ? in_.strings[device.metadata[i]] : std::string_view());
    }
    if (IsFrom(12)) {
      p_.Text("pool_id");
      WritePool(device.trace.PoolGroupOf(event.allocation));
    }
  }
  void WritePool(uint16_t group) {
    const auto [a, b] =
        group < in_.pools.size() ? in_.pools[group] : std::pair<int64_t, int64_t>{0, 0};
    p_.Number(static_cast<uint64_t>(std::max<int64_t>(a, 0)));
    p_.Number(static_cast<uint64_t>(std::max<int64_t>(b, 0)));
    p_.Op(kTuple2);
  }

  void WriteSettings() {
    const RecordedSettings settings = in_.settings.value_or(RecordedSettings{});
    p_.OpenDict();
    p_.Text("PYTORCH_CUDA_ALLOC_CONF");
    p_.Text(settings.conf);
    p_.Text("max_split_size");
    if (settings.max_split_size) {
      p_.Number(static_cast<uint64_t>(settings.max_split_size->count()));
    } else {
      p_.Op(kBinInt);
      p_.Raw(0xffffffff, 4);  // -1: unlimited
    }
    p_.Text("garbage_collection_threshold");
    p_.Real(settings.garbage_collection_threshold.value_or(0));
    p_.Text("expandable_segments");
    p_.Bool(settings.expandable_segments.value_or(false));
    p_.Text("release_lock_on_cudamalloc");
    p_.Bool(false);
    p_.Text("pinned_use_cuda_host_register");
    p_.Bool(false);
    Pair("pinned_num_register_threads", uint64_t{1});
    if (IsFrom(9)) {
      p_.Text("graph_capture_record_stream_reuse");
      p_.Bool(false);
    }
    p_.Text("roundup_power2_divisions");
    p_.OpenDict();
    const auto divisions = settings.roundup_power2_divisions.value_or(std::array<uint32_t, 16>{});
    for (size_t i = 0; i < divisions.size(); ++i) {
      p_.Text(std::to_string(1u << i));
      p_.Number(divisions[i]);
    }
    p_.CloseDict();
    p_.CloseDict();
  }

  const Recording& in_;
  Pickler p_;
  std::unordered_map<uint32_t, uint32_t> stacks_, frames_;  // id to memo entry
};

}  // namespace

std::string WriteSnapshot(const Recording& recording) { return SnapshotWriter(recording).Run(); }

}  // namespace vramcast::snapshot
