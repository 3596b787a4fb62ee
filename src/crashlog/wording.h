// Which message it is: the same want of memory is told in many ways, and each way knows different
// things. A wording also says whose memory the message is about, if any.
#pragma once

#include <cstdint>
#include <string_view>

namespace vramcast::crashlog {

enum class Wording : uint8_t {
  // GPU memory.
  kAllocator,          // "CUDA out of memory. Tried to allocate ...", HIP, XPU, NPU and relatives
  kAsyncAllocator,     // "Allocation on device 0 would exceed allowed memory."
  kMps,                // "MPS backend out of memory (MPS allocated: ..."
  kCudaError,          // "CUDA error: out of memory": a raw call, no sizes
  kDriverError,        // "CUDA driver error: out of memory": virtual-memory calls
  kPrimaryContext,     // not even a context: cuDevicePrimaryCtxRetain returned 2
  kLuaTorch,           // "cuda runtime error (2) : out of memory"
  kNvmlAssert,         // "NVML_SUCCESS == r INTERNAL ASSERT FAILED": an OOM without its message
  kCublasAllocFailed,  // CUBLAS_STATUS_ALLOC_FAILED; also what an index out of range leaves behind
  kCublasNotInitialized,
  kCudnnAllocFailed,
  kCudnnNoAlgorithm,  // "Unable to find a valid cuDNN algorithm to run convolution"
  kNccl,              // "NCCL WARN Cuda failure 'out of memory'", "Failed to CUDA calloc"
  kJetsonNvMap,       // "NvMapMemAllocInternalTagged: .. error 12"
  kXla,               // "RESOURCE_EXHAUSTED: Out of memory while trying to allocate"
  kXlaHbm,            // "Ran out of memory in memory space hbm. Used .. of .. hbm."
  kTensorflow,        // "OOM when allocating tensor with shape"
  kTensorflowPool,    // "failed to allocate .. from device: CUDA_ERROR_OUT_OF_MEMORY"
  kVllmCacheBlocks,   // "No available memory for the cache blocks"
  kVllmStartup,       // "Free memory on device .. is less than desired GPU memory utilization"
  kVllmSequence,      // "To serve at least one request with the model's max seq len"
  kSglang,            // "Not enough memory. Please try to increase --mem-fraction-static"
  kLlamaCpp,          // "allocating 590.07 MiB on device 0: cudaMalloc failed: out of memory"
  kPaddle,
  kOnnxruntime,
  kCupy,
  kMxnet,
  kWarp,
  kMetal,     // kIOGPUCommandBufferCallbackErrorOutOfMemory
  kOtherGpu,  // CUDA_ERROR_OUT_OF_MEMORY and the like in no known message
  // The computer's memory.
  kPinnedMemory,  // "CUDA error: out of memory" in the pin memory thread
  kCpuAllocator,  // DefaultCPUAllocator
  kMmap,
  kWorkerKilled,  // DataLoader worker killed
  kBusError,      // /dev/shm
  kSigkill,       // exit code -9, "Signal 9 (SIGKILL) received"
  kExit137,
  kKernelOomKiller,
  kSlurm,
  kKubernetes,
  kBareKilled,
  kPagingFile,      // Windows
  kHostAllocation,  // std::bad_alloc, MemoryError, ENOMEM
  // Not a want of memory, though it reads like one.
  kCudnnNotInitialized,  // nearly always a clash of versions
  kTritonSharedMemory,   // on-chip memory of a kernel
  kIllegalAccess,
  kDeviceAssert,
  kGarbageSize,  // "Tried to allocate more than 1EB memory"
  kNcclTimeout,
  kPoolBackOff,  // TensorFlow tries smaller and smaller pools until one fits
  kFeatureOff,   // an optional feature is switched off, and the program goes on
  kHandleLimit,  // "unable to mmap 4 bytes": maps or descriptors ran out
};
inline constexpr size_t kWordingCount = static_cast<size_t>(Wording::kHandleLimit) + 1;

enum class Memory : uint8_t { kGpu, kHost, kNone };

std::string_view WordingName(Wording wording);  // "cublas_alloc_failed": JSON
Memory MemoryOf(Wording wording);

}  // namespace vramcast::crashlog
