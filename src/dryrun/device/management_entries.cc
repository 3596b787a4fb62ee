// NVML: PyTorch counts devices with it where it can, and asks it who uses how much memory when it
// reports that memory ran out. What else it is asked for is not supported.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "dryrun/device/api.h"
#include "dryrun/device/config.h"
#include "dryrun/device/memory.h"

namespace vramcast::device {
namespace {

constexpr int kNotSupported = 3;      // NVML_ERROR_NOT_SUPPORTED
constexpr int kInsufficientSize = 7;  // NVML_ERROR_INSUFFICIENT_SIZE
constexpr unsigned kOtherProcess = 1;

// nvmlProcessInfo_v1_t and _v2_t (nvml.h 12): the later one adds two ids of a partition.
struct ProcessInfo {
  unsigned pid;
  unsigned long long used;
};
struct ProcessInfo2 {
  unsigned pid;
  unsigned long long used;
  unsigned instance, compute_instance;
};

// A device's handle is its number plus one, so that it is not null.
void* HandleOf(int device) { return reinterpret_cast<void*>(static_cast<uintptr_t>(device + 1)); }
int DeviceOfHandle(const void* handle) {
  return static_cast<int>(reinterpret_cast<uintptr_t>(handle)) - 1;
}

template <typename Info>
int RunningProcesses(const void* handle, unsigned* count, Info* infos) {
  const Config& config = GetConfig();
  const int device = DeviceOfHandle(handle);
  if (device < 0 || device >= config.count) return kNotSupported;
  const unsigned needed = config.other > 0 ? 2 : 1;
  if (*count < needed || infos == nullptr) {
    *count = needed;
    return kInsufficientSize;
  }
  *count = needed;
  infos[0] = {};
  infos[0].pid = static_cast<unsigned>(getpid());
  infos[0].used = UsageOf(device).used + config.context;
  if (needed > 1) {
    infos[1] = {};
    infos[1].pid = kOtherProcess;
    infos[1].used = config.other;
  }
  return kSuccess;
}

}  // namespace

// Where every other name of NVML leads.
VRAMCAST_EXPORT int vramcast_not_supported() { return kNotSupported; }

ENTRY(nvmlInit)() { return kSuccess; }
ENTRY(nvmlInit_v2)() { return kSuccess; }
ENTRY(nvmlInitWithFlags)(unsigned) { return kSuccess; }
ENTRY(nvmlShutdown)() { return kSuccess; }
ENTRY(nvmlDeviceGetCount_v2)(unsigned* count) {
  *count = static_cast<unsigned>(GetConfig().count);
  return kSuccess;
}
ENTRY(nvmlDeviceGetHandleByIndex_v2)(unsigned index, void** handle) {
  if (index >= static_cast<unsigned>(GetConfig().count)) return kNotSupported;
  *handle = HandleOf(static_cast<int>(index));
  return kSuccess;
}
// "0000:01:00.0", as cudaDeviceGetPCIBusId gives it: the bus is the device's number plus one.
ENTRY(nvmlDeviceGetHandleByPciBusId_v2)(const char* id, void** handle) {
  const char* colon = std::strchr(id, ':');
  const long bus = colon == nullptr ? 0 : std::strtol(colon + 1, nullptr, 16);
  if (bus < 1 || bus > GetConfig().count) return kNotSupported;
  *handle = HandleOf(static_cast<int>(bus) - 1);
  return kSuccess;
}
ENTRY(nvmlDeviceGetComputeRunningProcesses)
(const void* handle, unsigned* count, ProcessInfo* infos) {
  return RunningProcesses(handle, count, infos);
}
ENTRY(nvmlDeviceGetComputeRunningProcesses_v2)
(const void* handle, unsigned* count, ProcessInfo2* infos) {
  return RunningProcesses(handle, count, infos);
}
ENTRY(nvmlDeviceGetComputeRunningProcesses_v3)
(const void* handle, unsigned* count, ProcessInfo2* infos) {
  return RunningProcesses(handle, count, infos);
}
// nvmlGpuFabricInfoV_t (nvml.h 12): version, cluster (16 bytes), status, clique, state: all zero is
// "not supported".
ENTRY(nvmlDeviceGetGpuFabricInfoV)(const void*, char* info) {
  constexpr size_t kVersion = sizeof(unsigned);
  constexpr size_t kUntilState = 29;
  std::memset(info + kVersion, 0, kUntilState - kVersion);
  return kSuccess;
}
ENTRY(nvmlSystemGetCudaDriverVersion_v2)(int* version) {
  *version = GetConfig().cuda_version;
  return kSuccess;
}
ENTRY(nvmlSystemGetDriverVersion)(char* version, unsigned length) {
  constexpr std::string_view kVersion = "575.00";
  if (length > kVersion.size()) std::memcpy(version, kVersion.data(), kVersion.size() + 1);
  return kSuccess;
}

}  // namespace vramcast::device
