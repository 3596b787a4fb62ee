// The same program on another GPU, under other allocator settings or another version of PyTorch: a
// recording played again where nothing but its sizes, streams and frees is kept.
#pragma once

#include <optional>
#include <string>

#include "allocator/play.h"
#include "analysis/proof.h"
#include "trace/recording.h"

namespace vramcast {

// A recording without what the device did: only what the program asked for, and where it emptied
// the cache. Under settings that lay memory out differently, or on a device that cannot hold the
// segments of the start state, that state is laid out anew, block by block in order of address;
// `relaid` says so.
struct Program {
  Trace trace;
  bool relaid = false;
  uint32_t placed = 0;  // events before the recording's own: of a start state laid out anew
  AddressOrder address_order = AddressOrder::kUp;  // as recorded segments came
};
Program ProgramOf(const DeviceRecording& device, const Proof& proof,
                  const AllocatorSettings& recorded, const AllocatorSettings& wanted,
                  const DeviceSpec& spec);

// Counts a run's events as the recording does. kStartOfTrace: before its first.
void CountFromRecording(const Program& program, Run* run);

// The program on a device, with its address order and its events counted as the recording does.
Run PlayOn(const Program& program, const AllocatorSettings& settings, DeviceSpec spec);

// The recording's program on a device, whose address order is taken from the recording.
Run PlayAs(const DeviceRecording& device, const Proof& proof, const AllocatorSettings& recorded,
           const AllocatorSettings& wanted, DeviceSpec spec);

}  // namespace vramcast
