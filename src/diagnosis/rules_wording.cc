// What the message and the lines around it name: who was allocating, what had gone well before, and
// which limits were set. A sign is a pattern of words that one mechanism leaves, never a whole log.
#include <fmt/format.h>
#include <re2/re2.h>

#include "diagnosis/rules.h"

namespace vramcast::diagnosis {
namespace {

using namespace literals;
using crashlog::Framework;
using crashlog::Memory;
using crashlog::Wording;

struct Sign {
  std::string_view pattern;  // RE2, any case
  Cause cause;
  double weight;
  std::string_view meaning;  // what the words tell, for the reader
};

constexpr Sign kSigns[] = {
    {R"(Failed to CUDA (host )?calloc|ncclCuMemAlloc|ncclCudaMalloc|ncclCudaCalloc)",
     Cause::kOutsidePytorchPool, kStrong,
     "NCCL could not get its own buffers, which lie outside PyTorch's pool"},
    {R"(rand_strided\(|benchmark_codegened_module|autotune_process|benchmark_request)",
     Cause::kRequestTooLarge, kStrong + kHint,
     "the compiler's autotuning makes copies of its inputs, which the job itself never needs"},
    {R"(unsqueeze\([^()]*\)[\w.()]* *[-+*/@] *[\w.]+?(\.conj\(\))?\.unsqueeze\()",
     Cause::kRequestTooLarge, kClear, "a broadcast of two tensors makes every pair of them"},
    {R"(\[[^\]]*None[^\]]*\] *[-+*/] *[\w.]+\[[^\]]*None[^\]]*\])", Cause::kRequestTooLarge, kClear,
     "a broadcast of two tensors makes every pair of them"},
    {R"(torch\.cdist\()", Cause::kRequestTooLarge, kHint, "every pair of two sets of vectors"},
    {R"(_cuda_init\(\)|_lazy_init|cuInit|failed to create.* context)", Cause::kOtherProcess, kClear,
     "it died while the device was being opened"},
    {R"(ZLUDA)", Cause::kSettingOrDriverFault, kDecisive,
     "CUDA is emulated on another make of card"},
    {R"(CLIENT_MEM_FRACTION\W{1,4}0?\.[0-6])", Cause::kSoftwareCap, kStrong,
     "JAX was given only a fraction of the card"},
    {R"(per_process_memory_fraction)", Cause::kSoftwareCap, kStrong,
     "the program gives itself only a fraction of the card"},
    {R"(Non-zero status code returned while running)", Cause::kGrowthOverTime, kHint,
     "the session had been loaded and died in use"},
};

void Signs(const Case& c, Ballot& ballot) {
  if (!c.event->is_vram_oom) {
    return;
  }
  for (const Sign& sign : kSigns) {
    if (auto quote = Quote(c, sign.pattern)) {
      const std::string source = quote->source;
      ballot.Add(sign.cause, sign.weight, {std::move(*quote), {std::string(sign.meaning), source}});
    }
  }
}

// The server had already divided the card: what came after its cache found no room. Lines that
// servers print once the cache has its size, and graphs, which are captured after it.
void ServerShare(const Case& c, Ballot& ballot) {
  constexpr std::string_view kCacheSized =
      R"(GPU KV cache size|# ?GPU blocks|Maximum concurrency for|captur\w+ (the )?(cuda )?graph|)"
      R"(graph captur|KV Cache is allocated|max_total_num_tokens)";
  constexpr std::string_view kServer =
      R"(vllm|sglang|EngineCore|gpu_memory_utilization|mem.fraction.static|Capture cuda graph)";
  if (!c.event->is_vram_oom || !Mentions(c, kServer)) {
    return;
  }
  const Figures& f = c.figures;
  const auto sized = Quote(c, kCacheSized);
  const bool graphs = f.private_pools && *f.private_pools > Bytes();
  if (!sized && !graphs) {
    return;
  }
  std::vector<Evidence> evidence;
  if (sized) {
    evidence.push_back(*sized);
  }
  evidence.push_back(
      {"the server had taken its share for weights and cache; what came after it "
       "found too little beside it",
       "computed"});
  ballot.Add(Cause::kSoftwareCap, kStrong, std::move(evidence));
}

// "No available memory for the cache blocks": the share is full before there is a cache. By how
// much tells whether a larger share could be enough: servers take 0.9 of the card if not told
// otherwise (vLLM, gpu_memory_utilization), so about a tenth of the card is left to give.
void NoRoomForCache(const Case& c, Ballot& ballot) {
  if (c.event->wording != Wording::kVllmCacheBlocks) {
    return;
  }
  double deficit = c.event->available_cache ? -c.event->available_cache->gib() : 0;
  const auto available = Quote(c, R"(Available KV cache memory)");
  if (deficit <= 0 && available) {
    RE2::PartialMatch(available->text, R"((?i)memory: *-([\d.]+) *Gi?B)", &deficit);
  }
  double weights = 0;
  if (const auto line = Quote(c, R"(Model loading took)")) {
    RE2::PartialMatch(line->text, R"((?i)took *([\d.]+) *Gi?B)", &weights);
  }
  std::vector<Evidence> evidence = {{c.event->evidence.substr(0, 160), c.source}};
  if (deficit > 0) {
    evidence.push_back(
        {fmt::format("the share is {:.2f} GiB too small before there is any cache", deficit),
         "computed"});
  }
  // Without the size of the card, what the weights take stands for it.
  const bool far = weights > 0 ? deficit > 0.12 * weights : deficit > 4;
  ballot.Add(far ? Cause::kCapacity : Cause::kSoftwareCap, kStrong, evidence);
  ballot.Add(far ? Cause::kSoftwareCap : Cause::kCapacity, kClear, evidence);
}

// What is not free before a server starts belongs to others. If that is no more than a context, the
// share that was asked for is too large.
void NotFreeAtStartup(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  if (c.event->wording != Wording::kVllmStartup || !f.free || !f.total) {
    return;
  }
  const Bytes taken = *f.total - *f.free;
  ballot.Add(taken > kLargestContext ? Cause::kOtherProcess : Cause::kSoftwareCap, kDecisive,
             {{fmt::format("{} of {} was taken before this server allocated anything",
                           FormatBytes(taken), FormatBytes(*f.total)),
               "computed"}});
}

// llama.cpp allocates the weights of a device in one buffer before anything else. If not even a
// small first buffer can be had, someone else is on the card.
void FirstBuffer(const Case& c, Ballot& ballot) {
  if (c.event->wording != Wording::kLlamaCpp || !c.figures.requested ||
      *c.figures.requested > 2_GiB || Mentions(c, R"(kv cache|compute buffer|graph_reserve)")) {
    return;
  }
  ballot.Add(Cause::kOtherProcess, kClear,
             {{fmt::format("not even {} could be had for the first buffer of the model",
                           FormatBytes(*c.figures.requested)),
               "computed"}});
}

// Paddle prints what is taken on the whole device, and what of it this process uses.
void PaddleDevice(const Case& c, Ballot& ballot) {
  if (c.event->wording != Wording::kPaddle || !c.figures.allocated) {
    return;
  }
  double taken = 0;
  std::string unit;
  if (!RE2::PartialMatch(c.event->evidence,
                         R"(([\d.]+) ?([MG])B memory has been allocated *\(actual)", &taken,
                         &unit)) {
    return;
  }
  const double taken_gib = unit == "G" ? taken : taken / 1024;
  if (c.figures.allocated->gib() < taken_gib / 2) {
    ballot.Add(Cause::kOtherProcess, kStrong,
               {{fmt::format("{:.2f} GiB of the card are taken, {} of it by this process",
                             taken_gib, FormatBytes(*c.figures.allocated)),
                 c.source}});
  }
}

// A raw CUDA call failed rather than PyTorch's allocator, which would have printed sizes: the
// driver wanted memory for a context, for kernels or for a library. With nothing to show that the
// program had begun its work, it is the context.
void RawCudaError(const Case& c, Ballot& ballot) {
  if (c.event->wording != Wording::kCudaError) {
    return;
  }
  const bool begun =
      c.event->step || c.serving ||
      (!c.loading_weights && (c.event->phase != Phase::kUnknown || !c.event->frames.empty()));
  if (!begun && !Mentions(c, R"(NvMap|Jetson|jtop|tegra)")) {
    ballot.Add(Cause::kOtherProcess, 1.3 * kHint,
               {{"a raw CUDA call failed, not PyTorch's allocator: at the start that is the "
                 "context, for which not even some hundred MiB were free",
                 c.source}});
  }
}

}  // namespace

void Prior(const Case& c, Ballot& ballot) {
  const std::vector<Evidence> message = {{c.event->evidence.substr(0, 160), c.source}};
  const Memory memory = crashlog::MemoryOf(c.event->wording);
  if (memory == Memory::kHost) {
    ballot.Add(Cause::kHostMemory, kDecisive, message);
    return;
  }
  if (memory == Memory::kNone || !c.event->is_vram_oom) {
    ballot.Add(Cause::kNotMemory, kDecisive, message);
    return;
  }
  ballot.Add(Cause::kCapacity, kHint);  // by far the most frequent
  switch (c.event->wording) {
    case Wording::kDriverError:
      ballot.Add(Cause::kSettingOrDriverFault, kStrong, message);
      break;
    case Wording::kPrimaryContext:
      ballot.Add(Cause::kOtherProcess, kClear, message);
      break;
    case Wording::kCublasAllocFailed:
    case Wording::kCublasNotInitialized:
      ballot.Add(Cause::kNotMemory, kHint / 2,
                 {{"an index out of range leaves the very same line", c.source}});
      break;
    case Wording::kLuaTorch:
      if (c.event->phase == Phase::kUnknown && !c.event->step && !Mentions(c, R"(\btrain)")) {
        ballot.Add(Cause::kUnknown, 1.2 * kHint, message);
      }
      break;
    case Wording::kCudnnNoAlgorithm:
      ballot.Add(Cause::kUnknown, 1.2 * kHint, message);
      if (auto batch = Quote(c, R"(batch.?size *[=:] *\d)")) {
        ballot.Add(Cause::kCapacity, kHint / 2, {std::move(*batch)});
      }
      break;
    case Wording::kTensorflowPool:
      // A request of this size is the pool itself, which TensorFlow tries to make smaller next.
      if (!c.figures.requested || *c.figures.requested >= 1_GiB) {
        ballot.Add(Cause::kUnknown, 1.5 * kHint, message);
      }
      break;
    case Wording::kMetal:
      ballot.Add(Cause::kUnknown, 1.5 * kHint, message);
      break;
    case Wording::kOnnxruntime:
      ballot.Add(Cause::kGrowthOverTime, kHint / 2,
                 {{"ONNX Runtime's arena keeps what past inputs needed, and doubles when it grows",
                   c.source}});
      break;
    case Wording::kSglang:
      ballot.Add(Cause::kSoftwareCap, kStrong, message);
      break;
    case Wording::kVllmSequence:
      ballot.Add(Cause::kSoftwareCap, 1.2 * kHint, message);
      break;
    case Wording::kNccl:
      if (c.event->library_request) {
        ballot.Add(Cause::kOutsidePytorchPool, kClear, message);
      }
      break;
    default:
      break;
  }
}

std::span<const Rule> WordingRules() {
  static constexpr Rule kRules[] = {Signs,       ServerShare,  NoRoomForCache, NotFreeAtStartup,
                                    FirstBuffer, PaddleDevice, RawCudaError};
  return kRules;
}

}  // namespace vramcast::diagnosis
