// What a training process takes on the card outside PyTorch's allocator. None of it is in any
// trace: ranges from reports, wide on purpose.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "forecast/forecast.h"
#include "forecast/job.h"

namespace vramcast::forecast {

// CUDA context with lazily loaded kernels, and NCCL's buffers where there is a process group.
std::vector<OutsideBytes> OutsidePytorch(const Job& job);
// By compute capability, times ten, and the ranks of the process group; 0: there is none.
std::vector<OutsideBytes> OutsidePytorch(int capability, int64_t ranks);

struct Outside {
  Bytes low, usual, high;
};
Outside Sum(const std::vector<OutsideBytes>& terms);

}  // namespace vramcast::forecast
