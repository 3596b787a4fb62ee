// Training without torch.compile (padded fine-tuning, reinforcement learning): autograd keeps what
// each operation saves.
#pragma once

#include <vector>

#include "forecast/graph.h"
#include "forecast/job.h"
#include "forecast/writer.h"

namespace vramcast::forecast {

// One forward and backward pass; returns the gradients, by parameter. Enters first_backward where
// `first`.
std::vector<AllocationId> EagerTrainingPass(const Job& job, bool first, Workspaces* workspaces,
                                            Writer* writer);

}  // namespace vramcast::forecast
