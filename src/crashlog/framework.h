// Which program's words a message is written in.
#pragma once

#include <cstdint>
#include <string_view>

namespace vramcast::crashlog {

enum class Framework : uint8_t {
  kPytorch,      // CUDA and HIP: the caching allocator, cudaMallocAsync, raw CUDA errors
  kPytorchMps,   // Apple
  kPytorchXpu,   // Intel
  kPytorchNpu,   // Ascend
  kPytorchMlu,   // Cambricon
  kPytorchGcu,   // Enflame
  kPytorchMusa,  // Moore Threads
  kPytorchSupa,  // Biren
  kLibtorch,     // a C++ program
  kTorch7,       // Lua
  kJax,
  kJaxXla,  // XLA refused at compile time, with its own words
  kTensorflow,
  kVllm,
  kSglang,
  kLlamaCpp,
  kOllama,
  kPaddle,
  kOnnxruntime,
  kCupy,
  kMxnet,
  kWarp,
  kMlx,
  kNccl,
  kRccl,
  kTriton,
  kDeepspeed,
  kSlurm,
  kKubernetes,
  kKernel,
  kWindows,
  kUnknown,
};
inline constexpr size_t kFrameworkCount = static_cast<size_t>(Framework::kUnknown) + 1;

std::string_view FrameworkName(Framework framework);  // "pytorch-mps": JSON

}  // namespace vramcast::crashlog
