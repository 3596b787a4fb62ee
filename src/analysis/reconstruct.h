// What the allocator looked like when a recording began. Most recordings begin in the middle of a
// program: the state follows from the end of the recording, walked backwards.
#pragma once

#include <optional>

#include "allocator/settings.h"
#include "trace/recording.h"

namespace vramcast {

// The settings that a recording states, or that its segments show. `torch` overrides the version,
// which is otherwise the latest that writes snapshots of this shape.
AllocatorSettings RecordedAllocator(const Recording& recording,
                                    std::optional<TorchVersion> torch = {});

struct Reconstruction {
  uint32_t blocks = 0;          // allocations that were there at the beginning
  uint32_t inferred_slack = 0;  // of them, those whose unsplit tail was inferred
  uint32_t unplaced = 0;        // of them, those that lie in no known segment
  Bytes reserved;
  Bytes allocated;
};

// Fills `device.trace.start`. Free blocks of the large pool are above 1 MiB, so a smaller gap after
// a block is that block's own (validated by replay of 85 public snapshots).
Reconstruction ReconstructStart(DeviceRecording& device, const AllocatorSettings& settings);

}  // namespace vramcast
