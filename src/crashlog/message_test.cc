#include "crashlog/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "crashlog/fixtures_for_test.h"
#include "crashlog/scan.h"

namespace vramcast::crashlog {
namespace {

using namespace literals;
using testing::ElementsAre;

Bytes Gib(int64_t hundredths) { return Bytes((hundredths * (1LL << 30) + 50) / 100); }
Bytes Mib(int64_t hundredths) { return Bytes((hundredths * (1LL << 20) + 50) / 100); }

OomEvent Only(std::string_view text) {
  const LogReport report = ScanText(text);
  EXPECT_EQ(report.events.size(), 1U) << text;
  return report.events.empty() ? OomEvent() : report.events[0];
}

TEST(Message, Allocator26HasEveryField) {
  const OomEvent e = Only(kMessage26);
  EXPECT_TRUE(e.is_vram_oom);
  EXPECT_EQ(e.framework, Framework::kPytorch);
  EXPECT_EQ(e.version, "2.5+");
  EXPECT_EQ(e.device, 2);
  EXPECT_EQ(e.requested, Gib(175));
  EXPECT_EQ(e.total, Gib(4744));
  EXPECT_EQ(e.free, Mib(81231));
  EXPECT_EQ(e.process_in_use, Gib(4340));
  EXPECT_EQ(e.allowed, Gib(4507));
  EXPECT_EQ(e.allocated, Gib(4011));
  EXPECT_EQ(e.private_pools, 96_MiB);
  EXPECT_EQ(e.reserved_unallocated, Gib(251));
  EXPECT_EQ(e.reserved, std::nullopt);
  ASSERT_EQ(e.other_processes.size(), 1U);
  EXPECT_EQ(e.other_processes[0].pid, 4711);
  EXPECT_EQ(e.other_processes[0].bytes, Gib(320));
}

TEST(Message, Allocator21SaysWhatTheDriverDidNotKnow) {
  const OomEvent e = Only(kMessage21);
  EXPECT_EQ(e.version, "2.1");
  EXPECT_EQ(e.total, Gib(1599));
  EXPECT_EQ(e.process_in_use, std::nullopt);
  ASSERT_EQ(e.other_processes.size(), 1U);
  EXPECT_EQ(e.other_processes[0].bytes, std::nullopt);
}

TEST(Message, OlderAllocators) {
  const OomEvent reserved = Only(kMessage113);
  EXPECT_EQ(reserved.version, "1.13-2.0");
  EXPECT_EQ(reserved.device, 1);
  EXPECT_EQ(reserved.reserved, Gib(833));
  EXPECT_EQ(reserved.free, Mib(4150));
  const OomEvent cached = Only(kMessage12);
  EXPECT_EQ(cached.version, "1.0-1.3");
  EXPECT_EQ(cached.reserved, std::nullopt);
  EXPECT_EQ(cached.reserved_unallocated, Mib(31212));
  const OomEvent allowed = Only(
      "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 10.00 GiB total "
      "capacity; 3.50 GiB already allocated; 6.00 GiB free; 4.00 GiB allowed; 3.60 GiB "
      "reserved in total by PyTorch)");
  EXPECT_EQ(allowed.allowed, 4_GiB);
  EXPECT_EQ(allowed.reserved, Gib(360));
}

TEST(Message, Release23EndsAtTheDevice) {
  const OomEvent e = Only(
      "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.25 GiB. GPU \n"
      "(env) someone@host:~$ ");
  EXPECT_EQ(e.requested, Gib(225));
  EXPECT_EQ(e.total, std::nullopt);
  EXPECT_EQ(e.version, "2.3");
  const OomEvent one = Only(
      "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.25 GiB. GPU \x01 has a "
      "total capacity of 8.00 GiB of which 1.00 GiB is free. ");
  EXPECT_EQ(one.device, 1);
  EXPECT_EQ(one.total, 8_GiB);
}

TEST(Message, CutNumbersAreAbsent) {
  const OomEvent e = Only(
      "- a: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 37.00 GiB. GPU 2 has a "
      "total capacity of 178.36 GiB of which 26.02 GiB is free. Including non-PyTorch memory, this "
      "process has 15\n- b: exit code 1\n");
  EXPECT_EQ(e.free, Gib(2602));
  EXPECT_EQ(e.process_in_use, std::nullopt);
  EXPECT_EQ(Only("RuntimeError: CUDA out of memory. Tried to allocate 3").requested, std::nullopt);
  EXPECT_EQ(Only("RuntimeError: CUDA out of memory. Tried to allocate 3.5 Gi").requested,
            std::nullopt);
}

TEST(Message, OtherDevices) {
  const OomEvent mps = Only(kMessageMps);
  EXPECT_EQ(mps.framework, Framework::kPytorchMps);
  EXPECT_EQ(mps.allocated, Gib(905));  // printed GB, divided by 1024
  EXPECT_EQ(mps.other_allocations, Mib(64050));
  EXPECT_EQ(mps.allowed, Gib(1020));
  EXPECT_EQ(mps.requested, 768_MiB);
  const OomEvent hip = Only(
      "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 1.00 GiB. GPU 0 has a total "
      "capacity of 15.98 GiB of which 12.00 MiB is free. Of the allocated memory 14.00 GiB is "
      "allocated by PyTorch, and 1.10 GiB is reserved by PyTorch but unallocated.");
  EXPECT_EQ(hip.allocated, 14_GiB);
  const OomEvent xpu = Only(
      "torch.OutOfMemoryError: XPU out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total "
      "capacity of 15.25 GiB. Of the allocated memory 13.00 GiB is allocated by PyTorch, and 0 "
      "bytes is reserved by PyTorch but unallocated. Please use `empty_cache` to release");
  EXPECT_EQ(xpu.framework, Framework::kPytorchXpu);
  EXPECT_EQ(xpu.free, std::nullopt);
  EXPECT_EQ(xpu.reserved_unallocated, Bytes(0));
  const OomEvent mlu = Only(
      "RuntimeError: MLU out of memory. Tried to allocate 2.00 GiB. MLU 3 has a total capacity of "
      "47.00 GiB of which 1.50 GiBis free. Of the allocated memory");
  EXPECT_EQ(mlu.framework, Framework::kPytorchMlu);
  EXPECT_EQ(mlu.free, Gib(150));
  EXPECT_EQ(mlu.device, 3);
  const OomEvent npu = Only(
      "RuntimeError: NPU out of memory. Tried to allocate 1.00 GiB (NPU 4; 60.97 GiB total "
      "capacity; 55.00 GiB already allocated; 55.00 GiB current active; 512.00 MiB free; 57.00 GiB "
      "reserved in total by PyTorch) If reserved memory is >> allocated memory");
  EXPECT_EQ(npu.device, 4);
  EXPECT_EQ(npu.free, 512_MiB);
  EXPECT_EQ(npu.reserved, 57_GiB);
}

TEST(Message, AsyncAllocator) {
  const OomEvent e = Only(
      "torch.OutOfMemoryError: Allocation on device 1 would exceed allowed memory. (out of "
      "memory)\n"
      "Currently allocated     : 6.50 GiB\nRequested               : 96.00 MiB\n"
      "Device limit            : 7.75 GiB\nFree (according to CUDA): 3.25 MiB\n"
      "PyTorch limit (set by user-supplied memory fraction)\n"
      "                        : 17179869184.00 GiB\n");
  EXPECT_EQ(e.device, 1);
  EXPECT_EQ(e.allocated, Gib(650));
  EXPECT_EQ(e.requested, 96_MiB);
  EXPECT_EQ(e.total, Gib(775));
  EXPECT_EQ(e.free, Mib(325));
  EXPECT_EQ(e.allowed, std::nullopt);
}

struct Case {
  const char* text;
  Wording wording;
  Framework framework;
  bool is_vram_oom;
  int64_t requested;  // -1: not printed
};

class Wordings : public testing::TestWithParam<Case> {};

TEST_P(Wordings, AreRecognised) {
  const Case& c = GetParam();
  const LogReport report = ScanText(c.text);
  ASSERT_EQ(report.events.size(), 1U) << c.text;
  const OomEvent& e = report.events[0];
  EXPECT_EQ(WordingName(e.wording), WordingName(c.wording)) << c.text;
  EXPECT_EQ(FrameworkName(e.framework), FrameworkName(c.framework)) << c.text;
  EXPECT_EQ(e.is_vram_oom, c.is_vram_oom) << c.text;
  EXPECT_EQ(e.requested ? e.requested->count() : -1, c.requested) << c.text;
}

using F = Framework;
using W = Wording;
constexpr Case kCases[] = {
    {"RuntimeError: CUDA error: out of memory", W::kCudaError, F::kPytorch, true, -1},
    {"torch.AcceleratorError: CUDA error: out of\n  memory\nCUDA kernel errors might be "
     "asynchronously reported at some other API call",
     W::kCudaError, F::kPytorch, true, -1},
    {"RuntimeError: CUDA driver error: out of memory", W::kDriverError, F::kPytorch, true, -1},
    {"symmetric memory disabled (CUDA driver error: out of memory)", W::kFeatureOff, F::kPytorch,
     false, -1},
    {"luajit: a/b.lua:9: cuda runtime error (2) : out of memory at /x/THCStorage.cu:40",
     W::kLuaTorch, F::kTorch7, true, -1},
    {"RuntimeError: NVML_SUCCESS == r INTERNAL ASSERT FAILED at "
     "\"../c10/cuda/CUDACachingAllocator.cpp\":1131, please report a bug to PyTorch.",
     W::kNvmlAssert, F::kPytorch, true, -1},
    {"RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
     W::kCublasNotInitialized, F::kPytorch, true, -1},
    {"RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", W::kCudnnNotInitialized,
     F::kPytorch, false, -1},
    {"RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED", W::kCudnnAllocFailed, F::kPytorch,
     true, -1},
    {"node7:311:420 [2] include/alloc.h:178 NCCL WARN Cuda failure [2] 'out of memory'\n"
     "node7:311:420 [2] include/alloc.h:185 NCCL WARN Failed to CUDA calloc 4194304 bytes\n",
     W::kNccl, F::kPytorch, true, -1},
    {"jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to "
     "allocate 1073741824 bytes.: while running replica 0 and partition 0 of a replicated "
     "computation",
     W::kXla, F::kJax, true, 1073741824},
    {"RESOURCE_EXHAUSTED: Out of memory while trying to allocate 2.50GiB [executable_name='jit_f']",
     W::kXla, F::kJax, true, 2684354560},
    {"OOM when allocating tensor with shape[8,256,256,64] and type float on "
     "/job:localhost/replica:0/task:0/device:GPU:1 by allocator GPU_1_bfc",
     W::kTensorflow, F::kTensorflow, true, -1},
    {"OOM when allocating tensor with shape[8,256] and type float on "
     "/job:localhost/replica:0/task:0/device:CPU:0 by allocator mklcpu",
     W::kHostAllocation, F::kTensorflow, false, -1},
    {"E cuda_driver.cc:802] failed to allocate 7.50G (8053063680 bytes) from device: "
     "CUDA_ERROR_OUT_OF_MEMORY: out of memory",
     W::kTensorflowPool, F::kTensorflow, true, 8053063680},
    {"E c] failed to allocate 10.00G (10737418240 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY\n"
     "E c] failed to allocate 9.00G (9663676416 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY\n"
     "E c] failed to allocate 8.10G (8697308160 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY\n",
     W::kPoolBackOff, F::kTensorflow, false, -1},
    {"ValueError: No available memory for the cache blocks. Try increasing "
     "`gpu_memory_utilization` when initializing the engine.",
     W::kVllmCacheBlocks, F::kVllm, true, -1},
    {"ValueError: Free memory on device cuda:1 (10.50/79.25 GiB) on startup is less than desired "
     "GPU memory utilization (0.9, 71.33 GiB). Decrease",
     W::kVllmStartup, F::kVllm, true, 76590004306},
    {"ValueError: To serve at least one request with the models's max seq len (32768), (4.00 GiB "
     "KV cache is needed, which is larger than the available KV cache memory (1.50 GiB).",
     W::kVllmSequence, F::kVllm, true, 4294967296},
    {"RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current "
     "value: "
     "0.7",
     W::kSglang, F::kSglang, true, -1},
    {"ggml_backend_cuda_buffer_type_alloc_buffer: allocating 2048.00 MiB on device 0: cudaMalloc "
     "failed: out of memory\nllama_kv_cache_init: failed to allocate buffer for kv cache\n",
     W::kLlamaCpp, F::kLlamaCpp, true, 2147483648},
    {"Out of memory error on GPU 0. Cannot allocate 512.000000MB memory on GPU 0, 15.500000GB "
     "memory has been allocated and available memory is only 200.250000MB.",
     W::kPaddle, F::kPaddle, true, 536870912},
    {"Failed to allocate memory for requested buffer of size 268435456", W::kOnnxruntime,
     F::kOnnxruntime, true, 268435456},
    {"cupy.cuda.memory.OutOfMemoryError: Out of memory allocating 4,294,967,296 bytes (allocated "
     "so "
     "far: 1,024 bytes).",
     W::kCupy, F::kCupy, true, 4294967296},
    {"Warp CUDA error 2: out of memory (in function wp_alloc_device_async)", W::kWarp, F::kWarp,
     true, -1},
    {"Command buffer execution failed: Insufficient Memory "
     "(00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)",
     W::kMetal, F::kMlx, true, -1},
    {"Check failed: err == CUBLAS_STATUS_SUCCESS (1 vs. 0) : Create cublas handle failed",
     W::kMxnet, F::kMxnet, true, -1},
    {"RuntimeError: Caught RuntimeError in pin memory thread for device 0.\n"
     "RuntimeError: CUDA error: out of memory",
     W::kPinnedMemory, F::kPytorch, false, -1},
    {"RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't "
     "allocate memory: you tried to allocate 8589934592 bytes. Error code 12 (Cannot allocate "
     "memory)",
     W::kCpuAllocator, F::kPytorch, false, 8589934592},
    {"[enforce fail at ..\\c10\\core\\CPUAllocator.cpp:72] data. DefaultCPUAllocator: not enough "
     "memory: you tried to allocate 1024 bytes. Buy new RAM!",
     W::kCpuAllocator, F::kPytorch, false, 1024},
    {"RuntimeError: unable to mmap 9000000000 bytes from file <m.bin>: Cannot allocate memory (12)",
     W::kMmap, F::kPytorch, false, 9000000000},
    {"RuntimeError: unable to mmap 8 bytes from file <m.bin>: Cannot allocate memory (12)",
     W::kHandleLimit, F::kPytorch, false, 8},
    {"RuntimeError: DataLoader worker (pid 99) is killed by signal: Killed. ", W::kWorkerKilled,
     F::kPytorch, false, -1},
    {"RuntimeError: DataLoader worker (pid 99) is killed by signal: Bus error. It is possible that "
     "dataloader's workers are out of shared memory.",
     W::kBusError, F::kPytorch, false, -1},
    {"E api.py:874] failed (exitcode: -9) local_rank: 3 (pid: 1234) of binary: /usr/bin/python",
     W::kSigkill, F::kPytorch, false, -1},
    {"[ERROR] [launch.py:325:sigkill_handler] ['python', 'a.py'] exits with return code = -9",
     W::kSigkill, F::kDeepspeed, false, -1},
    {"kernel: Memory cgroup out of memory: Killed process 812 (python3) total-vm:9kB, anon-rss:8kB",
     W::kKernelOomKiller, F::kKernel, false, -1},
    {"slurmstepd: error: Detected 2 oom-kill event(s) in StepId=77.0.", W::kSlurm, F::kSlurm, false,
     -1},
    {"srun: error: node12: task 3: Out Of Memory", W::kSlurm, F::kSlurm, false, -1},
    {"      Reason:       OOMKilled\n      Exit Code:    137\n", W::kKubernetes, F::kKubernetes,
     false, -1},
    {"command terminated with exit code 137\n", W::kExit137, F::kUnknown, false, -1},
    {"epoch 1\n./train.sh: line 12:  4242 Killed                  python train.py\n",
     W::kBareKilled, F::kUnknown, false, -1},
    {"OSError: The paging file is too small for this operation to complete. (os error 1455)",
     W::kPagingFile, F::kWindows, false, -1},
    {"triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: 200000, "
     "Hardware limit: 101376.",
     W::kTritonSharedMemory, F::kTriton, false, -1},
    {"torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
     W::kIllegalAccess, F::kPytorch, false, -1},
    {"RuntimeError: CUDA error: device-side assert triggered", W::kDeviceAssert, F::kPytorch, false,
     -1},
    {"RuntimeError: CUDA out of memory. Tried to allocate more than 1EB memory.", W::kGarbageSize,
     F::kPytorch, false, -1},
    {"torch.distributed.DistBackendError: NCCL error, unhandled cuda error\nLast error:\nCuda "
     "failure 2 'out of memory'",
     W::kNccl, F::kPytorch, true, -1},
    {"!!! Exception during processing !!!\ntorch.OutOfMemoryError: Allocation on device 0\n\nGot "
     "an "
     "OOM, unloading all loaded models.",
     W::kAsyncAllocator, F::kPytorch, true, -1},
    {"RuntimeError: Could not allocate tensor with 1048576 bytes. There is not enough GPU video "
     "memory available!",
     W::kOtherGpu, F::kPytorch, true, 1048576},
    {"Error out of memory at line 121 in file /src/csrc/pythonInterface.c", W::kCudaError,
     F::kPytorch, true, -1},
    {"RuntimeError: CUDA failed with error out of memory", W::kOtherGpu, F::kUnknown, true, -1},
    {"F0102 syncedmem.cpp:60] Check failed: error == cudaSuccess (2 vs. 0)  out of memory",
     W::kOtherGpu, F::kUnknown, true, -1},
    {"RuntimeError: Triton Error [CUDA]: out of memory", W::kCudaError, F::kTriton, true, -1},
    {"[ONNXRuntimeError] : 6 : CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc(&p, n);",
     W::kOnnxruntime, F::kOnnxruntime, true, -1},
    {"InternalError: CUDA runtime implicit initialization on GPU:0 failed. Status: out of memory",
     W::kPrimaryContext, F::kTensorflow, true, -1},
    {"InternalError: Dst tensor is not initialized.", W::kTensorflow, F::kTensorflow, true, -1},
    {"RuntimeError: cuFFT error: CUFFT_ALLOC_FAILED", W::kOtherGpu, F::kUnknown, true, -1},
    {"cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
     W::kOtherGpu, F::kUnknown, true, -1},
    {"RuntimeError: Native API returns: -5 (PI_ERROR_OUT_OF_RESOURCES)", W::kOtherGpu, F::kUnknown,
     true, -1},
    {"level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
     W::kOtherGpu, F::kUnknown, true, -1},
    {"ggml_vulkan: Device memory allocation of size 536870912 failed.", W::kLlamaCpp, F::kLlamaCpp,
     true, 536870912},
    {"NPU function error: aclrtMalloc, error code is 207001\n[Error]: Failed to apply for memory.",
     W::kOtherGpu, F::kPytorchNpu, true, -1},
    {"Traceback (most recent call last):\n  File \"a.py\", line 2, in f\n    return "
     "x\nMemoryError\n",
     W::kHostAllocation, F::kUnknown, false, -1},
    {"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
     W::kHostAllocation, F::kUnknown, false, -1},
    {"memory allocation of 4294967296 bytes failed\nAborted", W::kHostAllocation, F::kUnknown,
     false, 4294967296},
    {"ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.",
     W::kSigkill, F::kUnknown, false, -1},
    {"(raylet) 2 Workers (tasks / actors) killed due to memory pressure (OOM), 0 Workers crashed",
     W::kSigkill, F::kUnknown, false, -1},
    {"Your session crashed after using all available RAM.", W::kSigkill, F::kUnknown, false, -1},
    {"Your notebook tried to allocate more memory than is available. It has restarted.",
     W::kSigkill, F::kUnknown, false, -1},
    {"earlyoom: low memory! at or below SIGTERM limits: mem 10.00%, swap 10.00%", W::kSigkill,
     F::kUnknown, false, -1},
    {"TERM_MEMLIMIT: job killed after reaching LSF memory usage limit.", W::kSigkill, F::kUnknown,
     false, -1},
    {"=>> PBS: job killed: mem 900kb exceeded limit 800kb", W::kSigkill, F::kUnknown, false, -1},
    {"99.batch   batch   OUT_OF_ME+   0:125\n", W::kSlurm, F::kSlurm, false, -1},
    {"c++: fatal error: Killed signal terminated program cc1plus", W::kSigkill, F::kUnknown, false,
     -1},
    {"ggml_aligned_malloc: insufficient memory (attempted to allocate 900.00 MB)",
     W::kHostAllocation, F::kLlamaCpp, false, 943718400},
    {"llama_model_load: error loading model: unable to allocate CPU buffer", W::kHostAllocation,
     F::kLlamaCpp, false, -1},
};
INSTANTIATE_TEST_SUITE_P(All, Wordings, testing::ValuesIn(kCases));

TEST(Message, CublasAfterABadIndexIsNotMemory) {
  const OomEvent e = ScanText(
                         "  File \"m.py\", line 3, in forward\n    y = self.fc(x)\n"
                         "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling "
                         "`cublasCreate(handle)`\n")
                         .events[0];
  EXPECT_TRUE(e.is_vram_oom);
  const LogReport bad = ScanText(
      "Indexing.cu:699: block: [0,0,0] Assertion `srcIndex < srcSelectDimSize` failed.\n"
      "  File \"m.py\", line 3, in forward\n    y = self.fc(x)\nRuntimeError: CUDA error: "
      "CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`\n");
  EXPECT_TRUE(bad.out_of_range_index);
  ASSERT_EQ(bad.events.size(), 1U);
  EXPECT_FALSE(bad.events[0].is_vram_oom);
}

TEST(Message, TalkIsNoEvent) {
  for (const char* text :
       {"Set PYTORCH_CUDA_ALLOC_CONF to avoid CUDA out of memory.\n",
        "Peak memory usage: 70000.00MiB\n", "Reduce the batch size if the GPU runs out of memory\n",
        "mem: 12.3GB allocated: 11.0 GiB\n", "  \"OOMKilled\": false,\n",
        "exitcode  : 1 (pid: 5)\n", "[launch.py:325] ['python'] exits with return code = 1\n",
        "Loaded cuDNN version 90100\n", "- CUDA out of memory on cards below 16 GB\n",
        "CUDA out of memory errors are caught below\n", "    except MemoryError:\n",
        "test_cuda_out_of_memory PASSED\n"}) {
    EXPECT_TRUE(ScanText(text).events.empty()) << text;
  }
}

}  // namespace
}  // namespace vramcast::crashlog
