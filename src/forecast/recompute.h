// Blocks that the backward pass computes again (torch.utils.checkpoint inside the compiled graph).
// Inductor hands the buffers of one block on to the next, so those of the first block that is
// computed again stay until the last: read off dry runs of checkpointed nanochat.
#pragma once

#include <cstdint>
#include <vector>

#include "forecast/graph.h"
#include "forecast/job.h"
#include "forecast/writer.h"

namespace vramcast::forecast {

class Recompute {
 public:
  Recompute(const Job& job, Writer* writer) : job_(job), w_(writer) {}

  // Computes the block again: what its backward pass reads, and what that needs itself.
  void Block(int64_t layer);
  void Release();  // after the last block

 private:
  void Activations();
  void Temporaries();

  const Job& job_;
  Writer* w_;
  std::vector<AllocationId> shared_;
};

}  // namespace vramcast::forecast
