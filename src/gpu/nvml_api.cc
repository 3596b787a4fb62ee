#include "gpu/nvml_api.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <initializer_list>

#include "gpu/host.h"

namespace vramcast::gpu::nvml {
namespace {

// The plain name is only in the development package; the last is where WSL keeps its library.
constexpr std::array kLibraries = {"libnvidia-ml.so.1", "libnvidia-ml.so",
                                   "/usr/lib/wsl/lib/libnvidia-ml.so.1"};

template <typename Function>
void Find(void* library, std::initializer_list<const char*> names, Function* function) {
  for (const char* name : names) {
    if (void* symbol = dlsym(library, name)) {
      *function = reinterpret_cast<Function>(symbol);
      return;
    }
  }
}

void FindAll(void* library, Api* api) {
  Find(library, {"nvmlInit_v2", "nvmlInit"}, &api->init);
  Find(library, {"nvmlShutdown"}, &api->shutdown);
  Find(library, {"nvmlErrorString"}, &api->error_string);
  Find(library, {"nvmlSystemGetDriverVersion"}, &api->driver_version);
  Find(library, {"nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion"},
       &api->cuda_version);
  Find(library, {"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"}, &api->count);
  Find(library, {"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"}, &api->handle);
  Find(library, {"nvmlDeviceGetName"}, &api->name);
  Find(library, {"nvmlDeviceGetUUID"}, &api->uuid);
  Find(library, {"nvmlDeviceGetPciInfo_v3"}, &api->pci);
  Find(library, {"nvmlDeviceGetMemoryInfo"}, &api->memory);
  Find(library, {"nvmlDeviceGetMemoryInfo_v2"}, &api->memory_v2);
  Find(library, {"nvmlDeviceGetCudaComputeCapability"}, &api->capability);
  Find(library, {"nvmlDeviceGetEccMode"}, &api->ecc);
  Find(library, {"nvmlDeviceGetUtilizationRates"}, &api->utilization);
  Find(library, {"nvmlDeviceGetTemperature"}, &api->temperature);
  Find(library, {"nvmlDeviceGetMigMode"}, &api->mig_mode);
  Find(library, {"nvmlDeviceGetMaxMigDeviceCount"}, &api->mig_count);
  Find(library, {"nvmlDeviceGetMigDeviceHandleByIndex"}, &api->mig_handle);
  Find(library, {"nvmlDeviceGetGpuInstanceId"}, &api->gpu_instance);
  Find(library, {"nvmlDeviceGetComputeInstanceId"}, &api->compute_instance);
  Find(library, {"nvmlDeviceGetAttributes_v2"}, &api->attributes);
  Find(library,
       {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"},
       &api->compute);
  Find(library,
       {"nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"},
       &api->graphics);
  Find(library, {"nvmlDeviceGetComputeRunningProcesses"}, &api->compute_v1);
  Find(library, {"nvmlDeviceGetGraphicsRunningProcesses"}, &api->graphics_v1);
}

}  // namespace

std::string ExplainInit(Return code) {
  switch (code) {
    case kDriverNotLoaded:
      return "the NVIDIA driver is installed but its kernel module is not loaded: try 'sudo "
             "modprobe "
             "nvidia'; after a kernel update the module must be rebuilt (dkms) or the machine "
             "rebooted";
    case kVersionMismatch:
      return "the NVIDIA driver was updated but the old kernel module is still loaded (driver and "
             "library versions differ): reboot, or unload the nvidia modules and load them again";
    case kNoPermission:
      return "this user may not talk to the NVIDIA driver: look at the permissions of /dev/nvidia* "
             "(groups video or render)";
    case kGpuIsLost:
    case kResetRequired:
      return "a GPU has fallen off the bus or needs a reset: look at dmesg for Xid messages; a "
             "reboot "
             "helps, or 'sudo nvidia-smi --gpu-reset'";
    default:
      return fmt::format("the NVIDIA driver does not answer (NVML error {})",
                         static_cast<int>(code));
  }
}

Result<std::shared_ptr<const Api>> Load() {
  void* library = nullptr;
  for (const char* name : kLibraries) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
  }
  if (library == nullptr) return MachineError(ExplainNoDriver(Host{}));
  Api api;
  FindAll(library, &api);
  if (api.init == nullptr || api.count == nullptr || api.handle == nullptr) {
    dlclose(library);
    return MachineError("libnvidia-ml.so.1 is not NVIDIA's library: it lacks nvmlInit");
  }
  if (const Return code = api.init(); code != kSuccess) {
    dlclose(library);
    return MachineError(ExplainInit(code));
  }
  return std::shared_ptr<const Api>(new Api(api), [library](const Api* held) {
    if (held->shutdown != nullptr) held->shutdown();
    dlclose(library);
    delete held;
  });
}

}  // namespace vramcast::gpu::nvml
