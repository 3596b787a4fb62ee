// A Trace is an ordered list of allocations and frees, each with a size, a stream, a label (what it
// is) and a phase (when it is). Forecasts, snapshots and dry runs all end in one; every answer is
// read off one that was played on an allocator.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "trace/category.h"
#include "trace/ids.h"
#include "trace/phase.h"
#include "trace/start.h"

namespace vramcast {

struct Label {
  Category category = Category::kOther;
  std::string name;  // "layer 3 mlp hidden", "lm_head gradient"
};

// The actions of torch.cuda.memory's trace entries that change or describe the allocator.
enum class Action : uint8_t {
  kAlloc,
  kFreeRequested,  // the program let go; the block stays active while other streams use it
  kFreeCompleted,  // the block is back in its pool
  kSegmentAlloc,   // recorded only in snapshots; a forecast never states segments
  kSegmentFree,
  kSegmentMap,
  kSegmentUnmap,
  kSnapshot,
  kOom,
  kEmptyCache,  // torch.cuda.empty_cache()
};

struct Event {
  Action action = Action::kAlloc;
  Phase phase = Phase::kUnknown;
  StreamId stream = 0;
  AllocationId allocation = {};  // of kAlloc, kFreeRequested, kFreeCompleted
  Bytes size = {};               // requested bytes, unrounded; for segments the real size
  LabelId label = {};            // of kAlloc
  StackId stack = {};
};

struct Trace {
  std::vector<Event> events;
  std::vector<Label> labels;            // by LabelId
  std::vector<uint64_t> streams = {0};  // by StreamId: the raw cudaStream_t value
  uint32_t allocation_count = 0;        // AllocationIds are below this

  std::vector<StartSegment> start;  // what is there before the first event
  // By AllocationId, the private pool (CUDA graph, MemPool) it came from; empty: none did.
  std::vector<uint16_t> pool_groups;

  uint16_t PoolGroupOf(AllocationId id) const {
    return id.value < pool_groups.size() ? pool_groups[id.value] : uint16_t{0};
  }
};

// Writes a Trace as a program would run: enter a phase, allocate, free. Labels are interned.
class TraceBuilder {
 public:
  void EnterPhase(Phase phase) { phase_ = phase; }
  Phase phase() const { return phase_; }

  LabelId Intern(Category category, std::string_view name);

  // `size` 0 is allowed and makes no event, as in PyTorch: the id returned is then not valid.
  AllocationId Alloc(Bytes size, LabelId label, StreamId stream = 0);
  AllocationId Alloc(Bytes size, Category category, std::string_view name);

  // Frees at once (free_requested and free_completed). An invalid id is ignored.
  void Free(AllocationId id);
  void EmptyCache();

  // A place between two events.
  struct Mark {
    size_t event = 0;
    uint32_t allocation = 0;
  };
  Mark mark() const { return {trace_.events.size(), trace_.allocation_count}; }
  // Writes once more, in the phase of now, what was written from `from` to `to`, as another round
  // of a loop does: what was allocated there and not freed was made once and is left out. False,
  // and nothing is written, if something older was freed there: then rounds are not alike.
  bool Repeat(Mark from, Mark to);

  Trace Take() &&;

 private:
  Trace trace_;
  Phase phase_ = Phase::kUnknown;
  std::unordered_map<std::string, LabelId> interned_;
};

}  // namespace vramcast
