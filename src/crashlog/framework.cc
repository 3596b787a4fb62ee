#include "crashlog/framework.h"

#include <array>

namespace vramcast::crashlog {
namespace {

constexpr std::array<std::string_view, kFrameworkCount> kNames = {
    "pytorch",      "pytorch-mps",  "pytorch-xpu", "pytorch-npu", "pytorch-mlu", "pytorch-gcu",
    "pytorch-musa", "pytorch-supa", "libtorch",    "torch7",      "jax",         "jax-xla",
    "tensorflow",   "vllm",         "sglang",      "llama.cpp",   "ollama",      "paddlepaddle",
    "onnxruntime",  "cupy",         "mxnet",       "warp",        "mlx",         "nccl",
    "rccl",         "triton",       "deepspeed",   "slurm",       "kubernetes",  "kernel",
    "windows",      "unknown",
};

}  // namespace

std::string_view FrameworkName(Framework framework) {
  return kNames[static_cast<size_t>(framework)];
}

}  // namespace vramcast::crashlog
