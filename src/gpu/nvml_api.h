// NVIDIA's management library as far as it is used here, declared by hand so that neither its
// header nor the library is needed to build: the names, layouts and numbers of nvml.h (CUDA 12.8),
// with the older versions of each call that drivers since 2017 export.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace vramcast::gpu::nvml {

using Device = struct DeviceTag*;

enum Return : int {
  kSuccess = 0,
  kUninitialized = 1,
  kNotSupported = 3,
  kNoPermission = 4,
  kNotFound = 6,
  kInsufficientSize = 7,
  kDriverNotLoaded = 9,
  kFunctionNotFound = 13,
  kGpuIsLost = 15,
  kResetRequired = 16,
  kVersionMismatch = 18,
  kUnknown = 999,
};

struct Memory {  // nvmlMemory_t: `used` includes what the driver keeps
  unsigned long long total, free, used;
};
struct MemoryV2 {  // nvmlMemory_v2_t: `used` does not include `reserved`
  unsigned int version;
  unsigned long long total, reserved, free, used;
};
inline constexpr unsigned int kMemoryV2 = sizeof(MemoryV2) | (2U << 24U);

struct ProcessInfoV1 {
  unsigned int pid;
  unsigned long long used;
};
struct ProcessInfo {  // of the _v2 and _v3 calls
  unsigned int pid;
  unsigned long long used;
  unsigned int gpu_instance;
  unsigned int compute_instance;
};
inline constexpr unsigned long long kNotAvailable = ~0ULL;  // NVML_VALUE_NOT_AVAILABLE
inline constexpr unsigned int kNoInstance = ~0U;

struct PciInfo {  // nvmlPciInfo_t of the _v3 call
  char legacy_bus_id[16];
  unsigned int domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};
struct Utilization {
  unsigned int gpu, memory;
};
struct Attributes {  // nvmlDeviceAttributes_t of the _v2 call
  unsigned int multiprocessors, copy_engines, decoders, encoders, jpegs, ofas, gpu_slices,
      compute_slices;
  unsigned long long memory_mb;
};

// The calls; null where the library lacks one.
struct Api {
  Return (*init)() = nullptr;
  Return (*shutdown)() = nullptr;
  const char* (*error_string)(Return) = nullptr;
  Return (*driver_version)(char*, unsigned int) = nullptr;
  Return (*cuda_version)(int*) = nullptr;
  Return (*count)(unsigned int*) = nullptr;
  Return (*handle)(unsigned int, Device*) = nullptr;
  Return (*name)(Device, char*, unsigned int) = nullptr;
  Return (*uuid)(Device, char*, unsigned int) = nullptr;
  Return (*pci)(Device, PciInfo*) = nullptr;
  Return (*memory)(Device, Memory*) = nullptr;
  Return (*memory_v2)(Device, MemoryV2*) = nullptr;
  Return (*capability)(Device, int*, int*) = nullptr;
  Return (*ecc)(Device, unsigned int*, unsigned int*) = nullptr;
  Return (*utilization)(Device, Utilization*) = nullptr;
  Return (*temperature)(Device, int, unsigned int*) = nullptr;
  Return (*mig_mode)(Device, unsigned int*, unsigned int*) = nullptr;
  Return (*mig_count)(Device, unsigned int*) = nullptr;
  Return (*mig_handle)(Device, unsigned int, Device*) = nullptr;
  Return (*gpu_instance)(Device, unsigned int*) = nullptr;
  Return (*compute_instance)(Device, unsigned int*) = nullptr;
  Return (*attributes)(Device, Attributes*) = nullptr;

  using Processes = Return (*)(Device, unsigned int*, ProcessInfo*);
  using ProcessesV1 = Return (*)(Device, unsigned int*, ProcessInfoV1*);
  Processes compute = nullptr;       // _v3 or _v2
  Processes graphics = nullptr;      // _v3 or _v2
  ProcessesV1 compute_v1 = nullptr;  // where neither is exported
  ProcessesV1 graphics_v1 = nullptr;
};

// Loads and starts the library. Machine error: it is not here, or it does not start; the message
// says why in terms of the driver. The library stays loaded until the last copy is gone.
Result<std::shared_ptr<const Api>> Load();

// What a failed start means and what to do about it: one sentence.
std::string ExplainInit(Return code);

}  // namespace vramcast::gpu::nvml
