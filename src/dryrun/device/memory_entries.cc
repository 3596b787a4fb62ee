// The runtime's and the driver's entry points for memory.
#include <cstring>
#include <map>
#include <mutex>

#include "dryrun/device/api.h"
#include "dryrun/device/config.h"
#include "dryrun/device/contents.h"
#include "dryrun/device/memory.h"

namespace vramcast::device {
namespace {

int Allocated(void** out, char* address) {
  if (address == nullptr) return Fail(kOutOfMemory);
  *out = address;
  return kSuccess;
}

// Virtual memory management: a handle is charged until it is released and mapped nowhere.
struct Physical {
  int device = 0;
  size_t size = 0;
  int uses = 1;  // the handle itself, and each mapping
};

struct Mapping {
  size_t size = 0;
  uint64_t handle = 0;
};

struct Tables {
  std::mutex mutex;
  std::map<uint64_t, Physical> handles;
  std::map<uintptr_t, Mapping> mappings;
  uint64_t next_handle = 1;
};

Tables& GetTables() {
  static auto* tables = new Tables;
  return *tables;
}

void DropUse(Tables* tables, uint64_t handle) {
  const auto found = tables->handles.find(handle);
  if (found == tables->handles.end() || --found->second.uses > 0) return;
  Uncharge(found->second.device, found->second.size);
  tables->handles.erase(found);
}

// The beginning of CUmemAllocationProp (cuda.h): type, handle types, and where.
struct AllocationProperties {
  int type;
  int handle_types;
  int location_type;
  int location_id;
};

}  // namespace

ENTRY(cudaMalloc)(void** out, size_t size) {
  if (size == 0) {
    *out = nullptr;
    return kSuccess;
  }
  return Allocated(out, Allocate(CurrentDevice(), size));
}
ENTRY(cudaMallocAsync)(void** out, size_t size, void*) { return vramcast_cudaMalloc(out, size); }
ENTRY(cudaMallocFromPoolAsync)(void** out, size_t size, void*, void*) {
  return vramcast_cudaMalloc(out, size);
}
ENTRY(cudaFree)(void* address) {
  if (address == nullptr || Free(address) || FreeHost(address)) return kSuccess;
  return Fail(kInvalidValue);
}
ENTRY(cudaFreeAsync)(void* address, void*) { return vramcast_cudaFree(address); }
ENTRY(cuMemAlloc_v2)(void** out, size_t size) { return vramcast_cudaMalloc(out, size); }
ENTRY(cuMemAllocAsync)(void** out, size_t size, void*) { return vramcast_cudaMalloc(out, size); }
ENTRY(cuMemFree_v2)(void* address) { return vramcast_cudaFree(address); }
ENTRY(cuMemFreeAsync)(void* address, void*) { return vramcast_cudaFree(address); }
ENTRY(ncclMemAlloc)(void** out, size_t size) { return vramcast_cudaMalloc(out, size); }
ENTRY(ncclMemFree)(void* address) { return vramcast_cudaFree(address); }

ENTRY(cudaMemGetInfo)(size_t* free, size_t* total) {
  *free = FreeOn(CurrentDevice());
  *total = GetConfig().total;
  return kSuccess;
}
ENTRY(cuMemGetInfo_v2)(size_t* free, size_t* total) { return vramcast_cudaMemGetInfo(free, total); }

ENTRY(cudaHostAlloc)(void** out, size_t size, unsigned) {
  *out = AllocateHost(size);
  return *out == nullptr ? Fail(kOutOfMemory) : kSuccess;
}
// Managed memory is read and written by the host, so it is the host's here, and not counted.
ENTRY(cudaMallocManaged)(void** out, size_t size, unsigned) {
  return vramcast_cudaHostAlloc(out, size, 0);
}
ENTRY(cudaMallocHost)(void** out, size_t size) { return vramcast_cudaHostAlloc(out, size, 0); }
ENTRY(cuMemAllocHost_v2)(void** out, size_t size) { return vramcast_cudaHostAlloc(out, size, 0); }
ENTRY(cuMemHostAlloc)(void** out, size_t size, unsigned flags) {
  return vramcast_cudaHostAlloc(out, size, flags);
}
ENTRY(cudaFreeHost)(void* address) {
  return address == nullptr || FreeHost(address) ? kSuccess : Fail(kInvalidValue);
}
ENTRY(cuMemFreeHost)(void* address) { return vramcast_cudaFreeHost(address); }
ENTRY(cudaHostRegister)(void* address, size_t size, unsigned) {
  RegisterHost(address, size);
  return kSuccess;
}
ENTRY(cudaHostUnregister)(void* address) {
  UnregisterHost(address);
  return kSuccess;
}
ENTRY(cudaHostGetDevicePointer)(void** out, void* address, unsigned) {
  *out = address;
  return kSuccess;
}
ENTRY(cudaHostGetFlags)(unsigned* flags, void*) {
  *flags = 0;
  return kSuccess;
}

// cudaPointerAttributes (driver_types.h): CUDA 13 appends reserved words, which stay as they are.
struct PointerAttributes {
  int type;  // 0 unregistered, 1 host, 2 device
  int device;
  void* device_pointer;
  void* host_pointer;
};
ENTRY(cudaPointerGetAttributes)(PointerAttributes* out, const void* address) {
  auto* pointer = const_cast<void*>(address);
  if (const auto device = DeviceOf(address)) {
    *out = {2, *device, pointer, nullptr};
  } else if (IsPinned(address)) {
    *out = {1, CurrentDevice(), pointer, pointer};
  } else {
    *out = {0, -2, nullptr, pointer};
  }
  return kSuccess;
}

// CUpointer_attribute (cuda.h): what PyTorch, Triton and NCCL ask for.
ENTRY(cuPointerGetAttribute)(void* out, int attribute, const void* address) {
  const auto device = DeviceOf(address);
  if (!device && !IsPinned(address)) return kInvalidValue;
  switch (attribute) {
    case 1: {  // context
      void* context = reinterpret_cast<void*>(uintptr_t{0x1000});
      std::memcpy(out, &context, sizeof context);
      return kSuccess;
    }
    case 2: {  // memory type: 1 host, 2 device
      const unsigned type = device ? 2 : 1;
      std::memcpy(out, &type, sizeof type);
      return kSuccess;
    }
    case 3:  // device pointer
    case 4:  // host pointer
      std::memcpy(out, &address, sizeof address);
      return kSuccess;
    case 9: {  // device ordinal
      const int ordinal = device.value_or(CurrentDevice());
      std::memcpy(out, &ordinal, sizeof ordinal);
      return kSuccess;
    }
    default: {
      const int zero = 0;
      std::memcpy(out, &zero, sizeof zero);
      return kSuccess;
    }
  }
}

ENTRY(cuMemGetAllocationGranularity)(size_t* granularity, const void*, int) {
  *granularity = kGranularity;
  return kSuccess;
}
ENTRY(cuMemAddressReserve)
(void** out, size_t size, size_t alignment, void*, unsigned long long) {
  if (alignment < kGranularity) alignment = kGranularity;
  return Allocated(out, Reserve(CurrentDevice(), size, alignment));
}
ENTRY(cuMemAddressFree)(void* address, size_t size) {
  Unreserve(static_cast<char*>(address), size);
  return kSuccess;
}
ENTRY(cuMemCreate)
(uint64_t* out, size_t size, const AllocationProperties* properties, unsigned long long) {
  constexpr int kOnDevice = 1;
  const int device =
      properties->location_type == kOnDevice ? properties->location_id : CurrentDevice();
  if (device < 0 || device >= GetConfig().count) return kInvalidDevice;
  if (!Charge(device, size)) return kOutOfMemory;
  Tables& tables = GetTables();
  const std::lock_guard lock(tables.mutex);
  *out = tables.next_handle++;
  tables.handles[*out] = {device, size, 1};
  return kSuccess;
}
ENTRY(cuMemRelease)(uint64_t handle) {
  Tables& tables = GetTables();
  const std::lock_guard lock(tables.mutex);
  if (!tables.handles.contains(handle)) return kInvalidValue;
  DropUse(&tables, handle);
  return kSuccess;
}
ENTRY(cuMemMap)
(char* address, size_t size, size_t, uint64_t handle, unsigned long long) {
  Tables& tables = GetTables();
  const std::lock_guard lock(tables.mutex);
  const auto found = tables.handles.find(handle);
  if (found == tables.handles.end()) return kInvalidValue;
  ++found->second.uses;
  tables.mappings[reinterpret_cast<uintptr_t>(address)] = {size, handle};
  return kSuccess;
}
ENTRY(cuMemUnmap)(char* address, size_t size) {
  Tables& tables = GetTables();
  const std::lock_guard lock(tables.mutex);
  const auto begin = reinterpret_cast<uintptr_t>(address);
  auto at = tables.mappings.lower_bound(begin);
  while (at != tables.mappings.end() && at->first < begin + size) {
    DropUse(&tables, at->second.handle);
    at = tables.mappings.erase(at);
  }
  ForgetContents(address, size);
  return kSuccess;
}
ENTRY(cuMemRetainAllocationHandle)(uint64_t* out, const void* address) {
  Tables& tables = GetTables();
  const std::lock_guard lock(tables.mutex);
  const auto begin = reinterpret_cast<uintptr_t>(address);
  auto at = tables.mappings.upper_bound(begin);
  if (at == tables.mappings.begin()) return kInvalidValue;
  --at;
  if (begin >= at->first + at->second.size) return kInvalidValue;
  ++tables.handles[at->second.handle].uses;
  *out = at->second.handle;
  return kSuccess;
}
ENTRY(cuMemSetAccess)(void*, size_t, const void*, size_t) { return kSuccess; }
ENTRY(cuMemGetAddressRange_v2)(void** base, size_t* size, void* address) {
  Tables& tables = GetTables();
  const std::lock_guard lock(tables.mutex);
  const auto begin = reinterpret_cast<uintptr_t>(address);
  auto at = tables.mappings.upper_bound(begin);
  if (at != tables.mappings.begin()) --at;
  const bool mapped =
      at != tables.mappings.end() && begin >= at->first && begin < at->first + at->second.size;
  if (base != nullptr) *base = mapped ? reinterpret_cast<void*>(at->first) : address;
  if (size != nullptr) *size = mapped ? at->second.size : kGranularity;
  return kSuccess;
}

ENTRY(cudaDeviceGetDefaultMemPool)(void** pool, int) {
  *pool = NewHandle();
  return kSuccess;
}
ENTRY(cudaMemPoolCreate)(void** pool, const void*) {
  *pool = NewHandle();
  return kSuccess;
}
ENTRY(cudaMemPoolGetAttribute)(void*, int, uint64_t* value) {
  *value = 0;
  return kSuccess;
}
ENTRY(cudaMemPoolSetAttribute)(void*, int, void*) { return kSuccess; }

// used, peak, free, refused requests, bytes of the last refused one: for the launcher's own module.
VRAMCAST_EXPORT void vramcast_device_usage(int device, uint64_t out[5]) {
  const Usage usage = UsageOf(device);
  const uint64_t values[5] = {usage.used, usage.peak, FreeOn(device), usage.refused,
                              usage.last_refused};
  std::memcpy(out, values, sizeof values);
}

}  // namespace vramcast::device
