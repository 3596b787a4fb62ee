// A trace cut into the stretches that a program spends in one phase, and what each of them takes on
// a device of a given size. A stretch that runs out of memory does not end the play: what lies
// beyond it is judged as if it had not been entered.
#pragma once

#include <cstdint>
#include <vector>

#include "allocator/settings.h"
#include "base/bytes.h"
#include "trace/phase.h"
#include "trace/trace.h"

namespace vramcast::monitor {

struct Segment {
  Phase phase = Phase::kUnknown;
  uint32_t begin = 0, end = 0;  // events of the trace
};
std::vector<Segment> SegmentsOf(const Trace& trace);

struct SegmentUse {
  Bytes allocated, reserved;  // at most, within the segment
  Bytes lacks;                // what the device would have to be larger for it; 0: it fits
};
// `room`: what the process may take of the device, of which `beside` is not PyTorch's. Nothing is
// given back but what the allocator gives back itself.
std::vector<SegmentUse> PlaySegments(const Trace& trace, const std::vector<Segment>& segments,
                                     const AllocatorSettings& settings, Bytes room, Bytes beside);

}  // namespace vramcast::monitor
