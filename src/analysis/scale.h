// A recording at another batch size: which allocations grow with the batch is found by comparing
// two recordings of one program.
#pragma once

#include "trace/recording.h"

namespace vramcast {

struct ScaledProgram {
  Trace trace;
  double batch_ratio = 1;    // of the other recording to this one, as their sizes show
  double matched_share = 0;  // of all bytes asked for: how much was found in both
  double scaled_share = 0;   // of all bytes asked for: how much depends on the batch
  uint32_t unmatched = 0;    // allocations that the other recording does not make
  uint32_t only_there = 0;   // allocations that only the other recording makes
  bool aligned = true;       // false: too different, matched by their stacks alone

  // Between the two recordings sizes are read off a line through two known points; beyond them it
  // is drawn out.
  bool Between(double factor) const {
    return batch_ratio < 1 ? factor >= batch_ratio && factor <= 1
                           : factor <= batch_ratio && factor >= 1;
  }
};

// `trace` (of recording `a`, device `device`) with the batch times `factor`. The two programs'
// allocations are aligned by order, stack and size; a size is a fixed part and a part in proportion
// to the batch. What only one of the two allocates (another algorithm for another size) stays as
// `trace` has it.
ScaledProgram ScaleBatch(const Trace& trace, const Recording& a, const Recording& b, size_t device,
                         double factor);

}  // namespace vramcast
