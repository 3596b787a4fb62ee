// Plays a Trace on the allocator: the one step between what a program asks for and every answer
// about it. A Run says how high memory rose, when, in which phase, and whether it ran out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "allocator/device.h"
#include "allocator/settings.h"
#include "allocator/statistics.h"
#include "base/bytes.h"
#include "trace/trace.h"

namespace vramcast {

// The highest point of a run or of one phase. Allocated counts block sizes, as
// torch.cuda.max_memory_allocated does; the two peaks need not be at the same event.
struct Peak {
  Bytes allocated;
  Bytes reserved;
  uint32_t event =
      0;  // index into Trace::events of the peak of `allocated`; kStartOfTrace if before
};
inline constexpr uint32_t kStartOfTrace = UINT32_MAX;

// torch.cuda.OutOfMemoryError, as the allocator raises it.
struct OutOfMemory {
  uint32_t event = 0;                // the allocation that failed; kStartOfTrace if before
  Bytes requested;                   // what the program asked for
  Bytes segment;                     // "Tried to allocate": the segment that would have been needed
  std::optional<Bytes> device_free;  // cudaMemGetInfo; nothing where the size is not known
  Bytes allocated;                   // at that moment
  Bytes reserved;                    // at that moment
  Bytes largest_free_block;          // of the pool and stream of the request
  bool by_memory_fraction = false;   // set_per_process_memory_fraction refused, not the device
};

struct LabelBytes {
  LabelId label;
  Bytes bytes;  // block sizes
  uint32_t allocations = 0;
};

// What was allocated at one moment: sums to the allocated bytes of that moment.
struct Composition {
  std::array<Bytes, kCategoryCount> by_category = {};
  std::vector<LabelBytes> by_label;  // largest first; allocations without a label are together
};

struct Run {
  Peak peak;
  std::array<std::optional<Peak>, kPhaseCount> phases;  // nothing where a phase has no event
  Composition composition;                              // at `peak.event`
  Bytes allocated_at_end;
  Bytes reserved_at_end;
  uint32_t allocations = 0;
  Statistics statistics;
  std::optional<OutOfMemory> oom;  // the run ends there
};

Run Play(const Trace& trace, const AllocatorSettings& settings, const DeviceSpec& device = {});

// Only how it ends.
struct Outcome {
  std::optional<OutOfMemory> oom;  // nothing if it survives
  // All devices on which this process finds from `room_from` to less than `room_below` bytes end
  // alike, unless the settings speak of shares of the device.
  Bytes room_from, room_below;
};
Outcome PlayToDeath(const Trace& trace, const AllocatorSettings& settings,
                    const DeviceSpec& device);

}  // namespace vramcast
