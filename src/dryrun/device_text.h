// Describes a card to the device library (device/config.h).
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "dryrun/pytorch.h"
#include "gpu/card.h"

namespace vramcast::dryrun {

struct Played {
  gpu::Card card;
  int count = 1;               // how many of them the program sees
  Bytes other_processes = {};  // taken by others on each
  bool linger = true;          // device/streams.h
};

// What a CUDA context takes besides PyTorch's memory: 100 MiB and 2.6 MiB for each multiprocessor.
// Measured: "this process has … in use" less PyTorch's own in public out-of-memory messages of
// PyTorch 2.x, 16 to 188 multiprocessors; most lie within 100 MiB of it, B200 230 MiB above.
Bytes ContextSize(const gpu::Card& card);

// What NCCL takes for each communicator of several ranks. Measured: H100 of 8 ranks, the same way.
inline constexpr Bytes kCommunicatorSize{int64_t{512} << 20};

// The value of VRAMCAST_DEVICE. Properties that the catalogue does not know are those of an H100,
// and a note says so.
std::string DeviceText(const Played& played, const PyTorch& torch, std::vector<std::string>* notes);

}  // namespace vramcast::dryrun
