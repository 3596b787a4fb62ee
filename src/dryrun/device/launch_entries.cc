// Kernels: registered, described and launched, never run.
#include <algorithm>
#include <cstring>

#include "dryrun/device/api.h"
#include "dryrun/device/config.h"
#include "dryrun/device/contents.h"

namespace vramcast::device {
namespace {

struct Dim3 {
  unsigned x, y, z;
};

struct CallConfiguration {
  Dim3 grid, block;
  size_t shared;
  void* stream;
};
thread_local CallConfiguration call_configuration = {};

int Launched() {
  KernelLaunched();
  return kSuccess;
}

int ResidentBlocks(int block_size) {
  return std::clamp(GetConfig().threads_per_multiprocessor / std::max(1, block_size), 1, 32);
}

}  // namespace

VRAMCAST_EXPORT void** vramcast___cudaRegisterFatBinary(void*) {
  return static_cast<void**>(NewHandle());
}
VRAMCAST_EXPORT void vramcast___cudaRegisterFatBinaryEnd(void**) {}
VRAMCAST_EXPORT void vramcast___cudaUnregisterFatBinary(void**) {}
VRAMCAST_EXPORT void vramcast___cudaRegisterFunction() {}
VRAMCAST_EXPORT void vramcast___cudaRegisterVar() {}
VRAMCAST_EXPORT void vramcast___cudaRegisterManagedVar() {}
VRAMCAST_EXPORT void vramcast___cudaInitModule() {}

ENTRY(__cudaPushCallConfiguration)(Dim3 grid, Dim3 block, size_t shared, void* stream) {
  call_configuration = {grid, block, shared, stream};
  return 0;
}
ENTRY(__cudaPopCallConfiguration)(Dim3* grid, Dim3* block, size_t* shared, void** stream) {
  *grid = call_configuration.grid;
  *block = call_configuration.block;
  *shared = call_configuration.shared;
  *stream = call_configuration.stream;
  return 0;
}
ENTRY(cudaLaunchKernel)() { return Launched(); }
ENTRY(cudaLaunchKernelExC)() { return Launched(); }
ENTRY(cudaLaunchCooperativeKernel)() { return Launched(); }
ENTRY(cuLaunchKernel)() { return Launched(); }
ENTRY(cuLaunchKernelEx)() { return Launched(); }
ENTRY(cuLaunchCooperativeKernel)() { return Launched(); }
ENTRY(cudaFuncSetAttribute)(const void*, int, int) { return kSuccess; }
ENTRY(cuFuncSetAttribute)(void*, int, int) { return kSuccess; }
ENTRY(cuFuncSetCacheConfig)(void*, int) { return kSuccess; }

// cudaFuncAttributes (driver_types.h): 144 bytes; what CUB and PyTorch read of it.
ENTRY(cudaFuncGetAttributes)(char* out, const void*) {
  std::memset(out, 0, 144);
  const int capability = GetConfig().major * 10 + GetConfig().minor;
  const int values[] = {1024, 32, capability, capability};  // threads, registers, ptx, binary
  std::memcpy(out + 24, values, sizeof values);
  const int dynamic_shared = 49152;
  std::memcpy(out + 44, &dynamic_shared, sizeof dynamic_shared);
  return kSuccess;
}
// CUfunction_attribute: 0 threads per block, 4 registers, 5 PTX, 6 binary version; others zero.
ENTRY(cuFuncGetAttribute)(int* value, int attribute, void*) {
  const int capability = GetConfig().major * 10 + GetConfig().minor;
  *value = attribute == 0                     ? 1024
           : attribute == 4                   ? 32
           : attribute == 5 || attribute == 6 ? capability
                                              : 0;
  return kSuccess;
}
ENTRY(cudaOccupancyMaxActiveBlocksPerMultiprocessor)
(int* blocks, const void*, int block_size, size_t) {
  *blocks = ResidentBlocks(block_size);
  return kSuccess;
}
ENTRY(cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags)
(int* blocks, const void*, int block_size, size_t, unsigned) {
  *blocks = ResidentBlocks(block_size);
  return kSuccess;
}
ENTRY(cuOccupancyMaxActiveBlocksPerMultiprocessor)(int* blocks, void*, int block_size, size_t) {
  *blocks = ResidentBlocks(block_size);
  return kSuccess;
}
ENTRY(cudaOccupancyMaxActiveClusters)(int* clusters, const void*, const void*) {
  *clusters = GetConfig().multiprocessors / 2;
  return kSuccess;
}
ENTRY(cuOccupancyMaxActiveClusters)(int* clusters, const void*, const void*) {
  return vramcast_cudaOccupancyMaxActiveClusters(clusters, nullptr, nullptr);
}
ENTRY(cudaOccupancyAvailableDynamicSMemPerBlock)(size_t* bytes, const void*, int, int) {
  *bytes = 49152;
  return kSuccess;
}

ENTRY(cuModuleLoadData)(void** module, const void*) {
  *module = NewHandle();
  return kSuccess;
}
ENTRY(cuModuleLoadDataEx)(void** module, const void*, unsigned, int*, void**) {
  *module = NewHandle();
  return kSuccess;
}
ENTRY(cuModuleLoad)(void** module, const char*) {
  *module = NewHandle();
  return kSuccess;
}
ENTRY(cuModuleGetFunction)(void** function, void*, const char*) {
  *function = NewHandle();
  return kSuccess;
}
ENTRY(cuLibraryLoadData)
(void** library, const void*, int*, void**, unsigned, int*, void**, unsigned) {
  *library = NewHandle();
  return kSuccess;
}
ENTRY(cuLibraryGetKernel)(void** kernel, void*, const char*) {
  *kernel = NewHandle();
  return kSuccess;
}
ENTRY(cuKernelGetFunction)(void** function, void*) {
  *function = NewHandle();
  return kSuccess;
}
ENTRY(cudaGetFuncBySymbol)(void** function, const void*) {
  *function = NewHandle();
  return kSuccess;
}
ENTRY(cuTensorMapEncodeTiled)() { return kSuccess; }

}  // namespace vramcast::device
