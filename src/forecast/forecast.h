// The forecast: what a run of nanochat will need, from its flags alone. The run is written as a
// Trace, allocation by allocation, and played on the allocator; every number here is read off that.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "allocator/play.h"
#include "allocator/settings.h"
#include "base/bytes.h"
#include "base/result.h"
#include "gpu/card.h"
#include "nanochat/config.h"
#include "nanochat/revision.h"
#include "trace/category.h"
#include "trace/phase.h"
#include "trace/trace.h"

namespace vramcast::forecast {

// Changes to nanochat's code (nanochat/code_patch.h) as a run feels them.
struct CodeChanges {
  // Every n-th block, from the first, keeps its input only and is computed again; 0: none does.
  int64_t checkpoint_every = 0;
  bool chunked_loss = false;     // logits and loss of an eighth of the tokens at a time
  bool release_staging = false;  // collectives' tensors let go when their work is waited for
  bool bf16_states = false;      // the optimizers' moments

  bool any() const {
    return checkpoint_every > 0 || chunked_loss || release_staging || bf16_states;
  }
  bool checkpoints(int64_t layer) const {
    return checkpoint_every > 0 && layer % checkpoint_every == 0;
  }
};

struct Calibration;

struct Request {
  nanochat::Flags flags;
  // Where the flags came from, for `inputs`: "flag", "launch command", "checkout".
  std::string flags_origin = "flag";
  // A checkout's revision; takes the place of flags.revision. Nothing in both: the newest known.
  std::optional<nanochat::Revision> revision;
  CodeChanges changes;
  std::optional<gpu::Card> card;     // nothing: Hopper is assumed for mechanisms, capacity unknown
  std::optional<Bytes> total;        // as this machine's driver says; else the card's
  Bytes other_processes = Bytes(0);  // what others hold on the card
  // PYTORCH_CUDA_ALLOC_CONF of the environment; a script that sets it itself overrides it.
  std::optional<AllocatorSettings> allocator;
  std::optional<Bytes> margin;  // asked for by the person, on top of the interval's high end
  // What the user's own runs have shown (calibration.h); null: nothing.
  std::shared_ptr<const Calibration> calibration = nullptr;
};

struct Interval {
  Bytes low;
  Bytes high;
};

// One value that decided the forecast, and where it came from.
struct Input {
  std::string name;    // as the flag is called, without dashes in front: "device-batch-size"
  std::string value;   // "32"
  std::string origin;  // "flag", "default of 92d63d4", "derived: depth x aspect ratio", "GPU"
};

struct PhasePeak {
  Phase phase = Phase::kUnknown;
  Bytes allocated;
  Bytes reserved;
};

struct CategoryBytes {
  Category category = Category::kOther;
  Bytes bytes;
};

// A share of the peak, for --explain: "bf16 copies of the weights", "12 layers x ...", "…".
struct Term {
  Category category = Category::kOther;
  std::string name;
  std::string formula;  // in symbols; empty where the name says it all
  Bytes bytes;
};

// Why the interval is as wide as it is.
struct Uncertainty {
  std::string reason;
  Bytes low;   // how far the truth may lie below the peak, >= 0
  Bytes high;  // how far above, >= 0
};

// What this process takes on the device outside PyTorch's allocator.
struct OutsideBytes {
  std::string name;
  std::string source;
  Bytes low, usual, high;
};

// A common rule of thumb beside the forecast's figure (folklore.h).
struct RuleOfThumb {
  std::string subject;   // "parameters"
  std::string rule;      // "12 d^2 a^2"
  double by_rule = 0;    // in the unit of `in_bytes`
  double forecast = 0;   // the same quantity as forecast
  bool in_bytes = true;  // else a plain number (parameters, tokens)
};

struct Forecast {
  // The highest point of the whole run.
  Phase peak_phase = Phase::kUnknown;
  Bytes peak_allocated;  // torch.cuda.max_memory_allocated
  Bytes peak_reserved;   // torch.cuda.max_memory_reserved
  Bytes peak_device;     // reserved, CUDA context and the rest of this process

  std::vector<PhasePeak> phases;           // in the order of the run
  std::vector<CategoryBytes> composition;  // at the peak; every category, sums to peak_allocated
  std::vector<RuleOfThumb> rules_of_thumb;
  std::vector<Term> terms;  // largest first; sum to peak_allocated
  int64_t parameters = 0;   // of the model, padding included

  Interval interval;         // of peak_allocated
  Interval device_interval;  // of peak_device; its high end decides `fits`
  std::vector<Uncertainty> uncertainties;
  Bytes shift;  // of the peaks, by calibration; part of them and of the category other
  std::vector<OutsideBytes> outside;

  std::optional<Bytes> capacity;  // what this process may take: the card less other processes
  std::optional<bool> fits;       // nothing without a card
  Bytes margin;                   // kept free above the high end
  std::optional<Bytes> headroom;  // capacity - device_interval.high - margin; negative: too large
  bool cache_shrinks = false;     // fits, but only since PyTorch gives cached memory back
  std::optional<Phase> dies_in;   // the first phase that does not fit

  // Resolved values that other rooms need to make a command.
  nanochat::Stage stage = nanochat::Stage::kBase;
  int64_t device_batch_size = 0;
  std::optional<int64_t> total_batch_size;  // nothing where the stage has none
  int64_t grad_accum_steps = 1;
  int64_t world_size = 1;
  std::string revision;  // commit that was forecast

  std::vector<Input> inputs;
  std::vector<std::string> warnings;  // what nanochat would refuse, what had to be assumed
  // True if nanochat itself would refuse these flags (divisibility); `warnings` says why.
  bool refused = false;
};

// Usage error: an unknown revision, a value out of range (depth 0, a batch of -3, a world size
// above 4096), or a shape beyond what any machine holds (2^60 bytes).
Result<Forecast> Make(const Request& request);

// What the forecast was played from, for `replay` and for tests.
struct Recording {
  Trace trace;
  AllocatorSettings settings;
  Run run;
};
Result<Recording> Record(const Request& request);

}  // namespace vramcast::forecast
