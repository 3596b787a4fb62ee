// One look at the GPUs: what a series is made of, live or recorded. A GPU that is divided into MIG
// instances counts as its instances.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "gpu/machine.h"

namespace vramcast::monitor {

struct ProcessSample {
  int64_t pid = 0;
  bool leftover = false;  // holds memory and does no work (gpu/leftover.h)
  std::optional<std::string> name;
  std::optional<Bytes> used;
  bool graphics = false;
  // What PyTorch's allocator in it says, where `vramcast run` put its start-up module there.
  std::optional<Bytes> allocated, reserved;
  // Told to people, not recorded: a command line may hold secrets.
  std::optional<std::string> command_line;
  std::optional<std::string> user;
};

struct GpuSample {
  std::string id;    // UUID, or the index where there is none: the same GPU in every sample
  std::string name;  // "NVIDIA A40"
  int index = 0;
  Bytes used;
  std::optional<Bytes> capacity;  // what `used` cannot exceed
  std::optional<int> utilisation;
  std::optional<int> temperature;
  std::vector<ProcessSample> processes;
};

struct Sample {
  double time = 0;              // seconds since 1970, UTC
  std::optional<int64_t> step;  // of the training loop, where the source knows it
  std::optional<int64_t> total_steps;
  std::vector<GpuSample> gpus;
};

// GPUs whose used memory the driver does not tell are left out.
Sample FromMachine(const gpu::Machine& machine, double time);

}  // namespace vramcast::monitor
