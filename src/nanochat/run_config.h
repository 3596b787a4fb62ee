// A complete description of one run of one stage of nanochat: every value that memory depends on,
// and where each came from. Flags say what was given; Resolve adds what the revision does by
// default and what it computes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "nanochat/config.h"
#include "nanochat/dims.h"
#include "nanochat/revision.h"

namespace vramcast::nanochat {

enum class Source : uint8_t {
  kFlag,      // given
  kDefault,   // the default of this script at this revision
  kRule,      // computed as the script computes it
  kCheckout,  // read from a checkout or checkpoint
  kAssumed,   // nothing known: the usual case
};

template <typename T>
struct Value {
  T value{};
  Source source = Source::kAssumed;
  std::string detail = {};  // "--depth", "default of 4346536", "16 x 64 rounded up to 128"

  const T& operator*() const { return value; }
};

// What makes this configuration impossible or doubtful.
struct Warning {
  enum class Kind : uint8_t {
    kRefused,     // nanochat's own assertion fails: the run would stop with an error
    kHypothesis,  // a flag that this revision does not have was taken as a hypothesis
    kNote,        // worth knowing
  };
  Kind kind = Kind::kNote;
  std::string text;  // one sentence without a final full stop
};

struct RunConfig {
  Revision revision;
  Stage stage = Stage::kBase;
  ModelDims model;

  Value<int64_t> depth, aspect_ratio, head_dim, max_seq_len, vocab_size;
  Value<std::string> window_pattern;
  Value<bool> fp8;
  Value<std::string> fp8_recipe;  // "tensorwise" or "rowwise"; meaningful if fp8
  Value<Dtype> dtype;             // of activations and matrix products
  Value<Attention> attention;
  Value<int64_t> world_size;
  Value<Launcher> launcher;  // torchrun makes a process group even with one rank

  Value<int64_t> device_batch_size;  // sequences per micro-step and rank
  Value<int64_t> total_batch_size;   // tokens a step; 0 where the stage has none (padded SFT, RL)
  int64_t grad_accum_steps = 1;      // micro-steps a step and rank
  Value<int64_t> num_iterations;     // 0: a whole epoch, as long as the data lasts
  Value<int64_t> examples_per_step;  // padded SFT (target_examples_per_step) and RL; 0 elsewhere

  // Every n steps; -1: never, at the last step neither. The stage's own metric (CORE in base
  // training, ChatCORE or accuracies in SFT) is core_metric_every.
  Value<int64_t> eval_every, core_metric_every, sample_every, save_every;
  Value<int64_t> eval_tokens;
  int64_t eval_steps = 0;  // batches a rank evaluates each time
  Value<int64_t> core_metric_max_per_task;
  Value<int64_t> resume_from_step;  // -1: from the beginning
  Value<bool> load_optimizer;       // SFT warm-starts from the base optimizer's state
  Value<double> grad_clip;          // 0: none

  // RL, chat_eval and metrics that generate: rows at once, new tokens, tokens of the longest
  // prompt.
  Value<int64_t> num_samples, max_new_tokens, prompt_tokens;

  // The variable by which the script asks for expandable segments; empty: it does not.
  std::string alloc_conf_variable;

  std::vector<Warning> warnings;

  bool refused() const;  // some warning is kRefused
  bool distributed() const { return *launcher == Launcher::kTorchrun || *world_size > 1; }
};

// Completes `flags` for one stage of a revision. `capability` is the card's compute capability
// times ten (89, 90, 100…); empty: Hopper. Usage errors only for values that no run could have
// (zero or negative depth, window pattern with other letters); what nanochat would refuse is a
// warning.
Result<RunConfig> Resolve(const Flags& flags, const Revision& revision, Stage stage,
                          std::optional<int> capability = {});

// base_train's rule for total_batch_size -1: 2^19 scaled by (D / D of depth 12) to the power 0.383,
// rounded to a power of two, where D is `ratio` times the scaling parameters.
int64_t AutoTotalBatch(const RunConfig& config, double ratio);

}  // namespace vramcast::nanochat
