// A recording replayed against itself: given only sizes, streams and which block is freed, does the
// allocator here put every allocation where PyTorch put it, and ask for the same segments?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "allocator/play.h"
#include "analysis/reconstruct.h"
#include "trace/recording.h"

namespace vramcast {

struct Mismatch {
  uint32_t event = 0;
  uint64_t recorded = 0;
  uint64_t predicted = 0;  // 0: nothing was predicted
};

struct Proof {
  uint32_t allocations = 0;          // in the recording
  uint32_t predicted = 0;            // whose address was claimed before looking
  uint32_t at_recorded_address = 0;  // of them, those that were right
  // Allocations that show how large a block that was there before the recording is; their own
  // address cannot be claimed (docs/snapshots.md).
  uint32_t late_slack = 0;
  uint32_t segments = 0;             // segment_alloc, _free, _map and _unmap in the recording
  uint32_t segments_predicted = 0;   // at the right moment, with the right size or range
  std::vector<Mismatch> mismatches;  // the first hundred
  bool ooms_predicted = true;        // memory ran out where it did
  uint32_t ooms = 0;
  uint32_t final_blocks = 0;        // live at the end
  uint32_t final_blocks_equal = 0;  // address and size
  bool final_free_equal = false;    // all free blocks, address and size
  // Events at which torch.cuda.empty_cache() must have been called.
  std::vector<uint32_t> empty_caches;
  std::vector<uint32_t> units;  // by AllocationId: size of its block in 512 bytes
  Run run;                      // peaks within the recording, its initial state included

  bool exact() const {
    return allocations == at_recorded_address + late_slack && segments == segments_predicted &&
           ooms_predicted;
  }
};

// `device.trace.start` must have been reconstructed.
Proof Prove(const DeviceRecording& device, const AllocatorSettings& settings);

// The rule for ties that explains the recording: from 2.12 on the version alone does not tell.
TieRule FindTieRule(const DeviceRecording& device, const AllocatorSettings& settings);

}  // namespace vramcast
