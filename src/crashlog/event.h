// An OomEvent is one death for want of memory (or something that reads like one), as a log tells
// it. A value that was not printed, or was cut in the middle, is absent, never 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crashlog/framework.h"
#include "crashlog/wording.h"
#include "trace/phase.h"

namespace vramcast::crashlog {

// When in its life the run died, as far as the log tells.
enum class Pattern : uint8_t { kStart, kFirstBatch, kGradual, kEvaluation, kUnknown };
std::string_view PatternName(Pattern pattern);  // "first_batch": JSON

// A process that the message lists by its id. In a container this may be the process itself.
struct OtherProcess {
  int64_t pid = 0;
  std::optional<Bytes> bytes;  // absent where the driver would not say (2^64)
};

// A stack frame as printed: outermost first, as Python does.
struct Frame {
  std::string file;
  int64_t line = 0;      // 0: not printed
  std::string function;  // empty: not printed
  std::string code;      // the source line below it; empty: not printed
};

// A place in the input.
struct Place {
  uint64_t offset = 0;  // bytes before it
  uint64_t line = 0;    // counted from 1
};

struct OomEvent {
  // The message says that GPU memory could not be had, whatever the cause.
  bool is_vram_oom = false;
  Framework framework = Framework::kUnknown;
  Wording wording = Wording::kOtherGpu;
  Pattern pattern = Pattern::kUnknown;
  Phase phase = Phase::kUnknown;
  bool in_backward = false;       // a backward pass is on the stack
  std::optional<int64_t> device;  // as the process counts its devices
  std::optional<int64_t> rank;
  std::optional<int64_t> pid;   // of the process that died
  std::optional<int64_t> step;  // the last training step printed before it
  std::string version;          // PyTorch, from the wording: "1.4-1.7"; empty: not known

  std::optional<Bytes> requested;
  std::optional<Bytes> total;
  std::optional<Bytes> free;
  // By this process's allocator, or by this process where no allocator speaks (Paddle without
  // "actual using": what is taken on the whole device).
  std::optional<Bytes> allocated;
  std::optional<Bytes> reserved;              // 1.4 to 2.0: includes allocated
  std::optional<Bytes> reserved_unallocated;  // also what 1.0 to 1.3 call "cached"
  std::optional<Bytes> process_in_use;        // only from "this process has"; 0 in containers
  std::optional<Bytes> allowed;               // a limit set by software; MPS: the watermark
  std::optional<Bytes> private_pools;
  std::optional<Bytes> other_allocations;  // MPS: Metal memory outside PyTorch
  std::optional<Bytes> library_request;    // what NCCL asked the driver for, past the allocator
  std::optional<Bytes> available_cache;    // vLLM: left for the KV cache, often negative
  std::vector<OtherProcess> other_processes;
  std::vector<int64_t> shape;  // of the tensor asked for, where printed (TensorFlow, Inductor)

  Place place;
  std::string evidence;       // the message as it stands in the log, at most 4 KiB
  int64_t repeats = 0;        // how often the same death is told again (tee, summaries, repr)
  std::vector<Frame> frames;  // of the traceback that belongs to it; outermost first
};

}  // namespace vramcast::crashlog
