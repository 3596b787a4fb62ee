// Programs that have flags of their own for their memory: those, and not PyTorch's, are the remedy.
#include <array>

#include "diagnosis/remedies.h"

namespace vramcast::diagnosis {
namespace {

struct Advice {
  std::string_view sign;  // RE2 that tells the framework; empty: only by `framework`
  Cause cause;
  std::string_view action;
  std::string_view command;
};

// The sign is looked for in the framework's name and in the lines around the message.
constexpr Advice kAdvice[] = {
    {"vllm|EngineCore", Cause::kCapacity,
     "let the server hold less at once: shorter sequences, fewer of them, or more GPUs",
     "--max-model-len 8192 --max-num-seqs 16 --tensor-parallel-size 2"},
    {"vllm|EngineCore", Cause::kRequestTooLarge,
     "profile and serve with fewer and shorter sequences",
     "--max-num-seqs 16 --max-num-batched-tokens 2048"},
    {"No available memory for the cache blocks", Cause::kSoftwareCap,
     "give the server a larger share of the card (the default is 0.9), or a shorter maximum length",
     "--gpu-memory-utilization 0.95 --max-model-len 8192"},
    {"To serve at least one request|maximum number of tokens", Cause::kSoftwareCap,
     "make the longest request shorter, or the share larger",
     "--max-model-len 8192 --gpu-memory-utilization 0.95"},
    {"vllm|EngineCore", Cause::kSoftwareCap,
     "leave more of the card beside the server's share (the default is 0.9), or capture no graphs",
     "--gpu-memory-utilization 0.85 --enforce-eager"},
    {"Free memory on device", Cause::kOtherProcess,
     "or be content with what is free: ask for a smaller share", "--gpu-memory-utilization 0.5"},
    {"try to increase --mem-fraction-static", Cause::kSoftwareCap,
     "give weights and cache a larger share", "--mem-fraction-static 0.9"},
    {"sglang|Capture cuda graph|mem.fraction.static", Cause::kSoftwareCap,
     "leave more of the card beside the static share, or capture smaller graphs",
     "--mem-fraction-static 0.8 --cuda-graph-max-bs 16"},
    {"sglang|mem.fraction.static", Cause::kOutsidePytorchPool,
     "leave NCCL room beside the static share", "--mem-fraction-static 0.7"},
    {"sglang", Cause::kCapacity,
     "let the server hold less: shorter prompts, a lower share, more GPUs",
     "--chunked-prefill-size 2048 --mem-fraction-static 0.8 --tp 2"},
    {"llama.cpp|ggml|llama_", Cause::kCapacity,
     "use a shorter context, a smaller cache type, or leave layers on the CPU",
     "-c 4096 --cache-type-k q8_0 --cache-type-v q8_0 -ngl 24"},
    {"ollama", Cause::kCapacity, "use a shorter context or a smaller model",
     "OLLAMA_CONTEXT_LENGTH=4096"},
    {"jax|RESOURCE_EXHAUSTED|XLA", Cause::kSoftwareCap,
     "let JAX take more than its share of the card (the default is 0.75)",
     "XLA_PYTHON_CLIENT_MEM_FRACTION=0.95"},
    {"hbm capacity|memory space hbm", Cause::kCapacity,
     "the compiler's plan does not fit: a smaller batch per core, or recompute activations",
     "jax.checkpoint(layer)  # and a smaller batch"},
    {"jax|RESOURCE_EXHAUSTED|XLA", Cause::kCapacity,
     "compute less at once (lax.map with batch_size, a smaller vmap), and see what the plan holds",
     "XLA_PYTHON_CLIENT_PREALLOCATE=false XLA_PYTHON_CLIENT_MEM_FRACTION=0.95"},
    {"tensorflow|bfc_allocator", Cause::kCapacity,
     "use a smaller batch; let the pool grow as needed so that other users have room",
     "TF_FORCE_GPU_ALLOW_GROWTH=true"},
    {"tensorflow", Cause::kFragmentation, "let the driver's allocator do the work",
     "TF_GPU_ALLOCATOR=cuda_malloc_async"},
    {"tensorflow|from device: CUDA_ERROR_OUT_OF_MEMORY", Cause::kUnknown,
     "TensorFlow tries again with less after this line: see whether the run went on, and who else "
     "is on the card",
     "nvidia-smi"},
    {"paddle", Cause::kCapacity, "use a smaller batch; let the allocator grow as needed",
     "FLAGS_allocator_strategy=auto_growth"},
    {"onnxruntime|bfc_arena", Cause::kGrowthOverTime,
     "keep the arena from doubling, and cap it; restart the service to get memory back",
     "providers=[(\"CUDAExecutionProvider\", {\"arena_extend_strategy\": \"kSameAsRequested\", "
     "\"gpu_mem_limit\": 4 << 30})]"},
    {"onnxruntime|bfc_arena", Cause::kCapacity, "cap the arena, and use smaller inputs",
     "providers=[(\"CUDAExecutionProvider\", {\"arena_extend_strategy\": \"kSameAsRequested\"})]"},
    {"cupy", Cause::kRequestTooLarge, "see whether the shape is what you meant; work in parts",
     "print(x.shape, x.nbytes)"},
    {"cupy", Cause::kCapacity, "give unused blocks back to the card",
     "cupy.get_default_memory_pool().free_all_blocks()"},
    {"mlx|METAL", Cause::kUnknown,
     "use a smaller model, batch or context, and let macOS wire more memory for the GPU",
     "sudo sysctl iogpu.wired_limit_mb=24576"},
    {"mxnet", Cause::kCapacity, "use a smaller batch; let the pool round less",
     "MXNET_GPU_MEM_POOL_TYPE=Round"},
    {"MPS backend", Cause::kCapacity,
     "use a smaller batch or a smaller type; the limit can be lifted, at the risk that macOS "
     "stalls",
     "PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0"},
};

}  // namespace

bool AdviseFramework(const Case& c, Cause cause, std::vector<Remedy>& remedies) {
  for (const Advice& advice : kAdvice) {
    if (advice.cause != cause) {
      continue;
    }
    if (Mentions(c, advice.sign) || MatchesFramework(c, advice.sign)) {
      remedies.push_back({std::string(advice.action), std::string(advice.command), {}});
      return true;
    }
  }
  return false;
}

}  // namespace vramcast::diagnosis
