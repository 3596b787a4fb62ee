// What the device says about itself. Compute capability, multiprocessors, shared memory and L2
// decide which kernels and workspaces PyTorch and Inductor choose.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "dryrun/device/api.h"
#include "dryrun/device/config.h"
#include "dryrun/device/memory.h"

namespace vramcast::device {
namespace {

constexpr int kSharedPerBlock = 49152;  // without opt-in, on every card
constexpr int kRegisters = 65536;
constexpr int kReservedShared = 1024;

// Compute capability 8.6, 8.7, 8.9, 12.x: 16 to 24 blocks; data centre cards: 32 (CUDA programming
// guide, table of technical specifications).
int BlocksPerMultiprocessor(const Config& config) {
  if (config.major == 8 && config.minor == 9) return 24;
  if (config.major == 12) return 24;
  if ((config.major == 8 && config.minor != 0) || (config.major == 7 && config.minor == 5)) {
    return 16;
  }
  return 32;
}

// cudaDeviceProp is 1032 bytes in CUDA 12 (driver_types.h 12.8) and 1008 in CUDA 13 (13.5), which
// dropped clockRate, kernelExecTimeoutEnabled, computeMode and others. Offsets of what is filled
// in.
struct Layout {
  size_t size;
  size_t multiprocessors, map_host, concurrent_kernels, pci_bus, async_engines, unified, bus_width,
      l2, persisting_l2, threads, priorities, l1, shared_sm, registers_sm, managed,
      concurrent_managed, cooperative, shared_optin, blocks, reserved_shared, pools, cluster;
};
constexpr Layout kCuda12 = {1032, 388, 400, 576, 584, 600, 604, 612, 616, 620, 624, 628,
                            632,  640, 648, 652, 676, 688, 696, 712, 720, 744, 772};
constexpr Layout kCuda13 = {1008, 384, 392, 560, 568, 584, 588, 592, 596, 600, 604, 608,
                            612,  624, 632, 636, 656, 668, 672, 688, 696, 720, 748};
constexpr size_t kSizeBefore12 = 712;

template <typename T>
void Put(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

int FillProperties(char* out, int device, const Layout& layout, size_t limit) {
  const Config& config = GetConfig();
  if (device < 0 || device >= config.count) return Fail(kInvalidDevice);
  char bytes[1032] = {};
  std::snprintf(bytes, 256, "%s", config.name.c_str());
  Put(bytes + 256, device + 1);  // uuid
  Put<uint64_t>(bytes + 288, config.total);
  Put<uint64_t>(bytes + 296, kSharedPerBlock);
  Put(bytes + 304, kRegisters);
  Put(bytes + 308, 32);                    // warpSize
  Put<uint64_t>(bytes + 312, 0x7fffffff);  // memPitch
  Put(bytes + 320, 1024);                  // maxThreadsPerBlock
  const int block[3] = {1024, 1024, 64};
  const int grid[3] = {0x7fffffff, 65535, 65535};
  std::memcpy(bytes + 324, block, sizeof block);
  std::memcpy(bytes + 336, grid, sizeof grid);
  Put<uint64_t>(bytes + 352, 65536);  // totalConstMem
  Put(bytes + 360, config.major);
  Put(bytes + 364, config.minor);
  Put<uint64_t>(bytes + 368, 512);  // textureAlignment
  Put(bytes + layout.multiprocessors, config.multiprocessors);
  Put(bytes + layout.map_host, 1);
  Put(bytes + layout.concurrent_kernels, 1);
  Put(bytes + layout.pci_bus, device + 1);
  Put(bytes + layout.async_engines, 3);
  Put(bytes + layout.unified, 1);
  Put(bytes + layout.bus_width, 5120);
  Put(bytes + layout.l2, static_cast<int>(config.l2));
  Put(bytes + layout.persisting_l2, static_cast<int>(config.l2 / 8 * 5));
  Put(bytes + layout.threads, config.threads_per_multiprocessor);
  Put(bytes + layout.priorities, 1);
  Put(bytes + layout.l1, 1);
  Put<uint64_t>(bytes + layout.shared_sm, config.shared_per_multiprocessor);
  Put(bytes + layout.registers_sm, kRegisters);
  Put(bytes + layout.managed, 1);
  Put(bytes + layout.concurrent_managed, 1);
  Put(bytes + layout.cooperative, 1);
  Put<uint64_t>(bytes + layout.shared_optin, config.shared_per_block);
  Put(bytes + layout.blocks, BlocksPerMultiprocessor(config));
  Put<uint64_t>(bytes + layout.reserved_shared, kReservedShared);
  Put(bytes + layout.pools, 1);
  Put(bytes + layout.cluster, config.major >= 9 ? 1 : 0);
  std::memcpy(out, bytes, std::min(limit, layout.size));
  return kSuccess;
}

// cudaDeviceAttr and CUdevice_attribute share their numbers (driver_types.h 12.8).
int Attribute(int attribute) {
  const Config& config = GetConfig();
  switch (attribute) {
    case 1:  // threads per block
    case 2:
    case 3:
      return 1024;
    case 4:
      return 64;
    case 5:  // grid
      return 0x7fffffff;
    case 6:
    case 7:
      return 65535;
    case 8:
      return kSharedPerBlock;
    case 9:  // constant memory
      return 65536;
    case 10:
      return 32;
    case 11:
      return 0x7fffffff;
    case 12:
    case 82:
      return kRegisters;
    case 13:  // clock rates in kHz
    case 36:
      return 1500000;
    case 14:
      return 512;
    case 16:
      return config.multiprocessors;
    case 37:
      return 5120;
    case 38:
      return static_cast<int>(config.l2);
    case 39:
      return config.threads_per_multiprocessor;
    case 40:
      return 3;
    case 75:
      return config.major;
    case 76:
      return config.minor;
    case 81:
      return static_cast<int>(config.shared_per_multiprocessor);
    case 87:
      return 2;
    case 97:
      return static_cast<int>(config.shared_per_block);
    case 106:
      return BlocksPerMultiprocessor(config);
    case 108:
      return static_cast<int>(config.l2 / 8 * 5);
    case 111:
      return kReservedShared;
    case 120:  // thread block clusters
      return config.major >= 9 ? 1 : 0;
    case 15:  // overlap of copies
    case 19:  // host memory can be mapped
    case 31:  // concurrent kernels
    case 33:  // PCI bus
    case 41:  // unified addresses
    case 78:  // priorities
    case 79:  // caches
    case 80:
    case 83:  // managed memory
    case 89:
    case 90:
    case 95:   // cooperative launch
    case 99:   // host registration
    case 102:  // virtual memory management
    case 103:  // by file descriptor
    case 115:  // memory pools
    case 126:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

ENTRY(cudaGetDeviceCount)(int* count) {
  *count = GetConfig().count;
  return kSuccess;
}
ENTRY(cuDeviceGetCount)(int* count) { return vramcast_cudaGetDeviceCount(count); }
ENTRY(cudaGetDevice)(int* device) {
  *device = CurrentDevice();
  return kSuccess;
}
ENTRY(cudaSetDevice)(int device) {
  return SetCurrentDevice(device) ? kSuccess : Fail(kInvalidDevice);
}
ENTRY(cudaGetDeviceProperties_v2)(char* out, int device) {
  return FillProperties(out, device, kCuda12, kCuda12.size);
}
// CUDA 13 went back to the plain name; in CUDA 12 that name stands for the structure of CUDA 11.
ENTRY(cudaGetDeviceProperties)(char* out, int device) {
  return GetConfig().cuda_version >= 13000 ? FillProperties(out, device, kCuda13, kCuda13.size)
                                           : FillProperties(out, device, kCuda12, kSizeBefore12);
}
ENTRY(cudaDeviceGetAttribute)(int* value, int attribute, int device) {
  if (device < 0 || device >= GetConfig().count) return Fail(kInvalidDevice);
  *value = Attribute(attribute);
  return kSuccess;
}
ENTRY(cuDeviceGetAttribute)(int* value, int attribute, int device) {
  return vramcast_cudaDeviceGetAttribute(value, attribute, device);
}
ENTRY(cuDeviceGet)(int* device, int ordinal) {
  if (ordinal < 0 || ordinal >= GetConfig().count) return kInvalidDevice;
  *device = ordinal;
  return kSuccess;
}
ENTRY(cuDeviceGetName)(char* name, int length, int) {
  if (length > 0) std::snprintf(name, static_cast<size_t>(length), "%s", GetConfig().name.c_str());
  return kSuccess;
}
ENTRY(cuDeviceTotalMem_v2)(size_t* total, int) {
  *total = GetConfig().total;
  return kSuccess;
}
ENTRY(cuDeviceGetUuid_v2)(char* uuid, int device) {
  std::memset(uuid, 0, 16);
  Put(uuid, device + 1);
  return kSuccess;
}
ENTRY(cuDeviceGetUuid)(char* uuid, int device) { return vramcast_cuDeviceGetUuid_v2(uuid, device); }
ENTRY(cuDeviceComputeCapability)(int* major, int* minor, int) {
  *major = GetConfig().major;
  *minor = GetConfig().minor;
  return kSuccess;
}
ENTRY(cudaDeviceGetPCIBusId)(char* id, int length, int device) {
  if (length > 0) {
    std::snprintf(id, static_cast<size_t>(length), "0000:%02X:00.0",
                  static_cast<unsigned>(device + 1));
  }
  return kSuccess;
}
ENTRY(cudaDeviceCanAccessPeer)(int* can, int device, int peer) {
  *can = device != peer ? 1 : 0;
  return kSuccess;
}
ENTRY(cudaDeviceGetP2PAttribute)(int* value, int, int, int) {
  *value = 0;
  return kSuccess;
}
ENTRY(cudaDeviceGetLimit)(size_t* value, int) {
  *value = 0;
  return kSuccess;
}
ENTRY(cudaRuntimeGetVersion)(int* version) {
  *version = GetConfig().cuda_version;
  return kSuccess;
}
ENTRY(cudaDriverGetVersion)(int* version) { return vramcast_cudaRuntimeGetVersion(version); }
ENTRY(cuDriverGetVersion)(int* version) { return vramcast_cudaRuntimeGetVersion(version); }

ENTRY(cuInit)(unsigned) { return kSuccess; }
ENTRY(cuCtxGetCurrent)(void** context) {
  *context = reinterpret_cast<void*>(uintptr_t{0x1000});
  return kSuccess;
}
ENTRY(cuCtxSetCurrent)(void*) { return kSuccess; }
ENTRY(cuCtxGetDevice)(int* device) { return vramcast_cudaGetDevice(device); }
ENTRY(cuDevicePrimaryCtxRetain)(void** context, int) { return vramcast_cuCtxGetCurrent(context); }
ENTRY(cuDevicePrimaryCtxRelease_v2)(int) { return kSuccess; }
ENTRY(cuDevicePrimaryCtxGetState)(int, unsigned* flags, int* active) {
  *flags = 0;
  *active = 1;
  return kSuccess;
}

}  // namespace vramcast::device
