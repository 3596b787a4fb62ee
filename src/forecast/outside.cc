#include "forecast/outside.h"

#include <algorithm>

#include "base/bytes.h"

namespace vramcast::forecast {

using namespace literals;

std::vector<OutsideBytes> OutsidePytorch(int capability, int64_t ranks) {
  std::vector<OutsideBytes> terms;
  // Reports of nvidia-smi minus reserved: 256 MiB for a bare context on an RTX 3090, 300 to 400 MiB
  // with lazy loading, more on larger chips and with Triton's and cuBLAS's kernels loaded.
  constexpr const char* kContextSource = "reports of nvidia-smi minus reserved memory";
  if (capability >= 90) {
    terms.push_back({"CUDA context and kernels", kContextSource, 420_MiB, 560_MiB, 760_MiB});
  } else if (capability >= 80) {
    terms.push_back({"CUDA context and kernels", kContextSource, 280_MiB, 420_MiB, 620_MiB});
  } else {
    terms.push_back({"CUDA context and kernels", kContextSource, 180_MiB, 320_MiB, 520_MiB});
  }
  if (ranks <= 0) return terms;
  constexpr const char* kNcclSource = "NCCL's buffers by channel and peer, from reports";
  const int64_t peers = std::min<int64_t>(ranks, 8) - 1;
  if (peers <= 0) {
    terms.push_back({"NCCL", kNcclSource, 8_MiB, 32_MiB, 128_MiB});
  } else {
    terms.push_back({"NCCL", kNcclSource, 60_MiB + peers * 20_MiB, 200_MiB + peers * 90_MiB,
                     400_MiB + peers * 180_MiB});
  }
  return terms;
}

std::vector<OutsideBytes> OutsidePytorch(const Job& job) {
  return OutsidePytorch(job.capability, job.config.distributed() ? job.world() : 0);
}

Outside Sum(const std::vector<OutsideBytes>& terms) {
  Outside sum;
  for (const OutsideBytes& term : terms) {
    sum.low += term.low;
    sum.usual += term.usual;
    sum.high += term.high;
  }
  return sum;
}

}  // namespace vramcast::forecast
