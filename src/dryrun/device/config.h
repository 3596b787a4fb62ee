// What card the device plays and which versions its libraries report, from the environment variable
// VRAMCAST_DEVICE ("key=value;key=value"), so that child processes see the same device.
#pragma once

#include <cstdint>
#include <string>

namespace vramcast::device {

struct Config {
  std::string name = "vramcast";
  int count = 1;
  uint64_t total = uint64_t{80} << 30;  // bytes, as cudaMemGetInfo tells
  uint64_t context = 0;                 // taken by the CUDA context, on the device in use
  uint64_t other = 0;                   // taken by other processes
  uint64_t communicator = 0;            // taken by each communicator of more than one rank
  int major = 9;
  int minor = 0;
  int multiprocessors = 132;
  int threads_per_multiprocessor = 2048;
  uint64_t shared_per_multiprocessor = 233472;
  uint64_t shared_per_block = 232448;
  uint64_t l2 = 52428800;
  int cuda_version = 12080;   // as cudaRuntimeGetVersion
  int cudnn_version = 91002;  // as cudnnGetVersion
  int nccl_version = 22705;   // as ncclGetVersion
  bool linger = true;         // collectives' buffers live as watchdog.h says
};

Config ParseConfig(const char* text);  // unknown keys are ignored, null gives the defaults
const Config& GetConfig();             // of this process, read once

}  // namespace vramcast::device
