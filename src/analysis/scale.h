// A recording at another batch size: which allocations grow with the batch is found by comparing
// two recordings of one program.
#pragma once

#include "analysis/whatif.h"
#include "trace/recording.h"

namespace vramcast {

struct ScaledProgram {
  Trace trace;
  double batch_ratio = 1;    // of the other recording to this one, as their sizes show
  double matched_share = 0;  // of all bytes asked for: how much was found in both
  double scaled_share = 0;   // of all bytes asked for: how much depends on the batch
};

// `trace` (of recording `a`, device `device`) with the batch times `factor`. The k-th allocation of
// a stack in one recording is the k-th of that stack in the other; a size is a fixed part and a
// part in proportion to the batch.
ScaledProgram ScaleBatch(const Trace& trace, const Recording& a, const Recording& b, size_t device,
                         double factor);

}  // namespace vramcast
