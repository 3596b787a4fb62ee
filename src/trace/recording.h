// A Recording is what a memory snapshot holds: for each device a Trace with the addresses and times
// that were recorded, and the segments as they were at the end. Strings and stacks are kept once.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trace/interner.h"
#include "trace/trace.h"

namespace vramcast {

using FrameId = Index<struct FrameTag>;

struct Frame {
  StringId file;
  StringId function;
  uint64_t line = 0;  // 0 or 2^64-1: unknown

  bool operator==(const Frame&) const = default;
};

enum class RecordedState : uint8_t { kInactive, kAllocated, kPending };

struct RecordedBlock {
  uint64_t address = 0;
  Bytes size;
  Bytes requested;  // stale for inactive blocks
  RecordedState state = RecordedState::kInactive;
  StackId stack;
};

struct RecordedSegment {
  uint64_t address = 0;
  Bytes size;
  uint64_t stream = 0;      // raw cudaStream_t
  uint16_t pool_group = 0;  // index into Recording::pools; 0: the ordinary pools
  bool is_small = false;
  bool is_expandable = false;
  StackId stack;
  std::vector<RecordedBlock> blocks;
};

// What could not be used as it stood, so that nothing is dropped silently.
struct Skipped {
  uint64_t unknown_actions = 0;
  uint64_t odd_events = 0;     // a needed field is missing or has the wrong type
  uint64_t lost_frees = 0;     // an address was handed out again without having been freed
  uint64_t unknown_frees = 0;  // freed without ever having been allocated, while memory was known
  uint64_t odd_blocks = 0;
  uint64_t total() const {
    return unknown_actions + odd_events + lost_frees + unknown_frees + odd_blocks;
  }
};

// An allocation that was there before the first event.
struct Carried {
  AllocationId allocation;
  uint64_t address = 0;
  Bytes requested;
  std::optional<Bytes> block;  // its block's size, where the final segments still show it
  StreamId stream = 0;
  StackId stack;
  bool pending = false;  // already freed by the program, still in use on another stream
};

struct DeviceRecording {
  Trace trace;
  std::vector<uint64_t> addresses;        // by event; of kOom: the free bytes of the device
  std::vector<int64_t> times_us;          // by event, since the epoch; empty if not recorded
  std::vector<StringId> metadata;         // by event: user_metadata; empty if there is none
  std::vector<RecordedSegment> segments;  // at the end, by address
  std::vector<Carried> carried;           // by address
  Skipped skipped;
};

struct Annotation {
  int device = 0;
  StringId name;
  bool is_end = false;
  int64_t time_us = 0;
};

// allocator_settings; a field is nothing where the snapshot does not state it.
struct RecordedSettings {
  std::string conf;                     // PYTORCH_CUDA_ALLOC_CONF as given
  std::optional<Bytes> max_split_size;  // nothing: unlimited
  std::optional<double> garbage_collection_threshold;
  std::optional<bool> expandable_segments;
  std::optional<std::array<uint32_t, 16>> roundup_power2_divisions;
};

// Versions of PyTorch that write snapshots of this shape: "2.5" to "2.7".
struct Generation {
  std::pair<int, int> earliest = {0, 0};
  std::pair<int, int> latest = {0, 0};
};

struct Recording {
  StringTable strings;
  std::vector<Frame> frames;
  SequenceTable<StackId, FrameId> stacks;                     // innermost frame first
  std::vector<std::pair<int64_t, int64_t>> pools = {{0, 0}};  // (id, id) of private pools
  std::vector<DeviceRecording> devices;                       // by ordinal
  std::optional<RecordedSettings> settings;
  std::vector<Annotation> annotations;
  Generation generation;
  std::map<std::string, uint64_t> unknown_keys;  // how often each was seen
};

}  // namespace vramcast
