// What a log tells beside its deaths: how the run was started, what it printed about itself, how
// far it came and how much memory it said it used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crashlog/event.h"

namespace vramcast::crashlog {

// A command line in the log: after a shell prompt, after `set -x`'s plus signs, or a line that
// starts python, torchrun or another launcher. Continued lines are joined as written.
struct LoggedCommand {
  std::string text;
  Place place;
};

// How far training (or an evaluation) had come at one place.
struct Progress {
  enum class Of : uint8_t { kTraining, kEvaluation, kLoading };
  Of of = Of::kTraining;
  int64_t step = 0;      // as printed
  int64_t finished = 0;  // steps that were done by then
  std::optional<int64_t> total;
  std::optional<int64_t> epoch;
  Place place;
};

// Memory that some program printed while it ran. Only samples of the same `source` compare.
struct MemorySample {
  std::string source;  // "nvidia-smi 0", "memory(gib)", "peak memory usage", "max_mem"
  Bytes bytes;
  std::optional<int64_t> step;
  Place place;
};

// What nanochat prints about itself, in any of its revisions.
struct NanochatFacts {
  std::optional<int64_t> depth, model_dim, num_heads, num_kv_heads, head_dim;
  std::optional<int64_t> vocab_size, parameters;
  std::optional<int64_t> device_batch_size, max_seq_len, total_batch_size, grad_accum_steps;
  std::optional<int64_t> world_size;
  std::optional<std::string> window_pattern;
  std::optional<std::string> gpu_name, compute_dtype, commit, script;
  std::optional<Bytes> peak_memory;  // "Peak memory usage", the largest printed

  bool any() const {
    return depth || model_dim || vocab_size || parameters || device_batch_size || grad_accum_steps;
  }
};

// "Peak memory usage", with what the run had said of itself by then: a report has several stages.
struct PrintedPeak {
  Bytes bytes;
  NanochatFacts facts;
  Place place;
};

struct LogReport {
  // Every distinct death and look-alike in the order of the log; one per rank, whatever the number
  // of times it is told.
  std::vector<OomEvent> events;
  uint64_t events_dropped = 0;  // beyond the first 1024

  std::vector<LoggedCommand> commands;
  std::vector<std::string>
      allocator_settings;  // "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"
  NanochatFacts nanochat;
  std::vector<PrintedPeak> peaks;       // oldest first, at most 256
  std::vector<Progress> progress;       // oldest first, thinned out to at most 4096
  std::vector<MemorySample> memory;     // oldest first, thinned out to at most 4096
  std::optional<std::string> gpu_name;  // as any program printed it
  std::optional<std::string> torch_version;
  bool out_of_range_index = false;  // a device-side assertion about an index stands in the log
  bool training_finished = false;   // the log says that training was done

  uint64_t bytes = 0;
  uint64_t lines = 0;
  uint64_t nul_bytes = 0;  // counted in what was read closely: a binary file has many
  bool looks_binary = false;

  // The first death for want of GPU memory, else of host memory, else the first look-alike.
  const OomEvent* oom() const;
};

}  // namespace vramcast::crashlog
