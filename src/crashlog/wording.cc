#include "crashlog/wording.h"

#include <array>

namespace vramcast::crashlog {
namespace {

constexpr std::array<std::string_view, kWordingCount> kNames = {
    "allocator",
    "async_allocator",
    "mps",
    "cuda_error",
    "driver_error",
    "primary_context",
    "lua_torch",
    "nvml_assert",
    "cublas_alloc_failed",
    "cublas_not_initialized",
    "cudnn_alloc_failed",
    "cudnn_no_algorithm",
    "nccl",
    "jetson_nvmap",
    "xla",
    "xla_hbm",
    "tensorflow",
    "tensorflow_pool",
    "vllm_cache_blocks",
    "vllm_startup",
    "vllm_sequence",
    "sglang",
    "llama_cpp",
    "paddle",
    "onnxruntime",
    "cupy",
    "mxnet",
    "warp",
    "metal",
    "other_gpu",
    "pinned_memory",
    "cpu_allocator",
    "mmap",
    "worker_killed",
    "bus_error",
    "sigkill",
    "exit_137",
    "kernel_oom_killer",
    "slurm",
    "kubernetes",
    "bare_killed",
    "paging_file",
    "host_allocation",
    "cudnn_not_initialized",
    "triton_shared_memory",
    "illegal_access",
    "device_assert",
    "garbage_size",
    "nccl_timeout",
    "pool_back_off",
    "feature_off",
    "handle_limit",
};

}  // namespace

std::string_view WordingName(Wording wording) { return kNames[static_cast<size_t>(wording)]; }

Memory MemoryOf(Wording wording) {
  if (wording < Wording::kPinnedMemory) {
    return Memory::kGpu;
  }
  return wording < Wording::kCudnnNotInitialized ? Memory::kHost : Memory::kNone;
}

}  // namespace vramcast::crashlog
