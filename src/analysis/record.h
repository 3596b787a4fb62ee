// Plays a trace and writes down what PyTorch would have recorded: addresses, segments, the state at
// the end. So a forecast or a what-if can be looked at like a snapshot of a real run.
#pragma once

#include "allocator/play.h"
#include "trace/recording.h"

namespace vramcast {

struct Replay {
  Run run;
  DeviceRecording recording;
};

// Stacks and strings stay those of the recording that the trace came from, if any.
Replay Record(const Trace& trace, const AllocatorSettings& settings, const DeviceSpec& spec);

// The same as a recording of its own. Each label becomes a stack of one frame, whose file is the
// category and whose function is the label, so that every reader of snapshots shows it.
Recording RecordLabelled(Trace trace, const AllocatorSettings& settings, const DeviceSpec& spec);

// The settings as a snapshot states them.
RecordedSettings AsRecorded(const AllocatorSettings& settings);

}  // namespace vramcast
