// The search for the largest device batch size that fits in every phase, within the batch size
// rules of the stage and revision; and, where not even 1 fits, what would help and by how much.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "forecast/forecast.h"
#include "nanochat/config.h"

namespace vramcast::forecast {

// One batch size that was looked at.
struct Candidate {
  int64_t device_batch_size = 0;
  int64_t grad_accum_steps = 1;
  Bytes peak_allocated;
  Bytes peak_device;
  Bytes device_high;
  Phase phase = Phase::kUnknown;
  bool fits = false;
};

// Another way to make it fit. `flags` differ from the request's only where needed.
struct Alternative {
  enum class Kind : uint8_t {
    kSequenceLength,
    kDepth,
    kWorldSize,
    kCard,
    kCheckpointing,  // from here on nanochat lacks it: what a change of its code would save
    kChunkedLoss,
    kReleaseStaging,
    kBf16States,
  };
  Kind kind = Kind::kSequenceLength;
  std::string description;  // "--max-seq-len=1024"
  nanochat::Flags flags;
  std::optional<gpu::Card> card;  // of kCard
  bool needs_code_change = false;
  std::string patch;  // as fix --patch takes it; empty where no code changes or none is proven
  std::optional<int64_t> largest_batch;  // that would fit with the code change
  Forecast forecast;
};

struct Fit {
  // Nothing: not even 1 fits (or no batch size obeys the rules); then see `alternatives`.
  std::optional<int64_t> device_batch_size;
  std::optional<int64_t> total_batch_size;  // nothing where the stage has none
  int64_t grad_accum_steps = 1;
  // The request's flags with the batch size found; with the smallest candidate if none fits.
  nanochat::Flags flags;
  Forecast forecast;             // of `flags`
  std::vector<int64_t> allowed;  // all batch sizes that obey the rules, ascending
  std::vector<Candidate>
      candidates;  // those that were looked at, up to the second that is too large
  // The largest with PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True, where they are off, nobody
  // said so, and they make room for a larger batch.
  std::optional<Candidate> with_expandable_segments;
  std::vector<Alternative> alternatives;
  std::vector<std::string> notes;
};

// Keeps total_batch_size (given or as the revision computes it) and the stage's own rule: base and
// mid: total_batch_size % (device_batch_size x max_seq_len x world_size) == 0; SFT of October 2025:
// target_examples_per_step; RL: examples_per_step x samples. Usage error as Make; also without a
// card or total, since then nothing can be said to fit.
Result<Fit> FindBatch(const Request& request);

// The same answer alone, by bisection: nothing if not even the smallest allowed size fits.
Result<std::optional<int64_t>> LargestBatch(const Request& request);

}  // namespace vramcast::forecast
