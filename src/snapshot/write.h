// Writes a recording as a memory snapshot that pytorch.org/memory_viz and torch.cuda._memory_viz
// open: pickle protocol 4 with the dictionaries of torch.cuda.memory._dump_snapshot.
#pragma once

#include <string>

#include "trace/recording.h"

namespace vramcast::snapshot {

// Allocations without a stack show their label as their one frame.
std::string WriteSnapshot(const Recording& recording);

}  // namespace vramcast::snapshot
