#include "crashlog/context.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"

namespace vramcast::crashlog {
namespace {}  // namespace

bool WorthReading(std::string_view text, size_t at) {
  const char first = static_cast<char>(text[at] | 0x20);
  const char second = static_cast<char>(text[at + 1] | 0x20);
  const bool common = (first == 'm' && second == 'e') || (first == 'a' && second == 'l');
  const size_t behind = std::min<size_t>(at, 40);
  // Names of statuses: CUSOLVER_STATUS_ALLOC_FAILED.
  const bool status = at + 5 < text.size() && text[at + 5] == '_';
  if (!common || status || text.substr(std::min(at + 7, text.size()), 6) == "ion on" ||
      Contains(text.substr(at - behind, behind), "\x1b")) {
    return true;
  }
  const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  size_t end = at;
  const size_t floor = at - behind;
  while (end > floor && !is_letter(text[end - 1])) {
    --end;
  }
  size_t begin = end;
  while (begin > floor && is_letter(text[begin - 1])) {
    --begin;
  }
  if (end - begin <= 2 || end == at) {
    return true;  // too short to tell, or the middle of a word such as OutOfMemory
  }
  std::string word(text.substr(begin, end - begin));
  for (char& c : word) {
    c = static_cast<char>(c | 0x20);
  }
  static constexpr std::string_view kWords[] = {"enough",
                                                "available",
                                                "illegal",
                                                "insufficient",
                                                "shared",
                                                "allocate",
                                                "allocated",
                                                "free",
                                                "gpu",
                                                "system",
                                                "already",
                                                "cannot",
                                                "can",
                                                "not",
                                                "the",
                                                "mps",
                                                "when",
                                                "currently",
                                                "memory",
                                                "failed",
                                                "cuda",
                                                "device",
                                                "unable",
                                                "trying",
                                                "buffer",
                                                "error",
                                                "backend",
                                                "only",
                                                "host",
                                                "exceed",
                                                "than",
                                                "cache",
                                                "virtual",
                                                "pinned",
                                                "out",
                                                "cgroup",
                                                "outofmemoryerror",
                                                "more",
                                                "for",
                                                "low",
                                                "lsf",
                                                "heap",
                                                "video"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

bool IsBareKilled(const std::string& line) {
  static const RE2 kKilled(
      R"(^\s*(?:[\w./-]+: )?(?:line \d+: *)?(?:\[\d+\][+-]?\s+)?(?:\d+ )?(?:[Kk]illed)(?:: 9)?(?:\s{2,}\S.*|\s*)$)");
  return RE2::FullMatch(line, kKilled) &&
         (Contains(line, "Killed") || line.rfind("zsh: ", 0) == 0 || line == "killed");
}

bool IsMemoryError(const std::string& line) {
  static const RE2 kMemoryError(R"(^MemoryError(?:: .*)?\s*$)");
  return RE2::FullMatch(line, kMemoryError);
}

bool IsBadIndex(std::string_view compact) {
  static const RE2 kIndex(
      R"(assertion.{0,40}(?:index|idx|n_classes|num_classes|target|label|ind>=0).{0,80}failed)");
  return RE2::PartialMatch(re2::StringPiece(compact.data(), compact.size()), kIndex);
}

void Reconsider(const Context& context, OomEvent& event) {
  const auto& [on_line, before, around] = context;
  if (event.wording == Wording::kCudaError &&
      (Contains(before, "in pin memory thread") || Contains(before, "pin_memory()"))) {
    event.wording = Wording::kPinnedMemory;
  }
  if (event.wording == Wording::kDriverError || event.wording == Wording::kOtherGpu) {
    for (const std::string_view word :
         {"disabled", "falling back", "fallback", "fall back", "skipping", "continuing without"}) {
      if (Contains(on_line, word)) {
        event.wording = Wording::kFeatureOff;
      }
    }
  }
  if (event.wording == Wording::kCublasNotInitialized && Contains(on_line, "cudnn")) {
    event.wording = Wording::kCudnnNotInitialized;
  }
  if (event.wording == Wording::kOnnxruntime && Contains(around, "CPUExecutionProvider") &&
      !Contains(around, "CUDAExecutionProvider")) {
    event.wording = Wording::kHostAllocation;
  }
  if (event.wording == Wording::kNccl) {
    if (Contains(around, "rccl")) {
      event.framework = Framework::kRccl;
    } else if (Contains(around, "jax") || Contains(around, "Jax") || Contains(around, "xla")) {
      event.framework = Framework::kJax;
    }
  }
  if (event.wording == Wording::kLuaTorch && !Contains(around, ".lua") &&
      !Contains(around, "luarocks")) {
    event.framework = Framework::kPytorch;
  }
  if (event.wording == Wording::kXlaHbm && Contains(around, "CompileTimeHbmOom")) {
    event.framework = Framework::kJaxXla;
  }
  if ((event.wording == Wording::kCudaError || event.wording == Wording::kLlamaCpp) &&
      (Contains(around, "ggml") || Contains(around, "llama"))) {
    event.framework = Contains(around, "ollama") ? Framework::kOllama : Framework::kLlamaCpp;
  }
  if (event.wording == Wording::kSigkill && !event.rank) {
    // The launcher's summary: "rank      : 3 (local_rank: 3)" two lines above.
    static const RE2 kRank(R"(\brank\s*:\s*(\d{1,6})\b)");
    re2::StringPiece rest(before.data(), before.size());
    std::string rank;
    while (RE2::FindAndConsume(&rest, kRank, &rank)) {
      event.rank = std::stoll(rank);
    }
  }
  if (event.shape.empty()) {
    // Generated code states the shape of the buffer that could not be had.
    static const RE2 kStrided(R"((?:empty_strided\w*|rand_strided)\(\(([\d, ]{1,80})\))");
    re2::StringPiece rest(around.data(), around.size());
    std::string dims;
    if (event.wording == Wording::kAllocator && RE2::PartialMatch(rest, kStrided, &dims)) {
      for (const std::string_view part : Split(dims, ',')) {
        if (const auto size = ParseInt(Trim(part))) {
          event.shape.push_back(*size);
        }
      }
    }
  }
  if (event.wording == Wording::kSigkill && event.framework == Framework::kPytorch &&
      (Contains(around, "sigkill_handler") || Contains(around, "deepspeed"))) {
    event.framework = Framework::kDeepspeed;
  }
  if (event.framework == Framework::kPytorch && Contains(before, "instance of 'c10::")) {
    event.framework = Framework::kLibtorch;
  }
  event.is_vram_oom = MemoryOf(event.wording) == Memory::kGpu;
}

}  // namespace vramcast::crashlog
