// The GPU beneath the allocator: so many bytes, some of them already taken. It refuses when it is
// full, and it hands out addresses as cudaMalloc does.
#pragma once

#include <optional>

#include "base/bytes.h"

namespace vramcast {

struct DeviceSpec {
  std::optional<Bytes> total;  // as the driver reports it; nothing: never full
  Bytes other_processes = {};  // what other processes hold
  Bytes context = {};  // what this process holds outside PyTorch's pool (CUDA context, NCCL)
};

}  // namespace vramcast
