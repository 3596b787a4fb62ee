#include "nanochat/run_config.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "nanochat/flags.h"

namespace vramcast::nanochat {
namespace {

// GSM8K's training questions, of which RL takes one after the other (OpenAI, grade-school-math).
constexpr int64_t kRlQuestions = 7473;
// render_conversation crops to so many tokens (tokenizer.py, all revisions).
constexpr int64_t kConversationTokens = 2048;
// A long question of GSM8K or HumanEval. GSM8K's longest test question has 185 tokens with
// published tokenizers of nanochat's; its training questions and HumanEval's were not counted.
constexpr int64_t kPromptTokens = 256;

// Builds one RunConfig: each method fills one part, in an order in which later parts need earlier.
class Resolver {
 public:
  Resolver(const Flags& flags, const Revision& revision, Stage stage, std::optional<int> capability)
      : flags_(flags),
        family_(*revision.family),
        capability_(capability.value_or(90)),
        script_(ScriptName(revision, stage)),
        specs_(FlagsOf(revision, script_)) {
    run_.revision = revision;
    run_.stage = stage;
  }

  Result<RunConfig> Run() {
    if (specs_.empty()) {
      Warn(Warning::Kind::kRefused,
           std::string(script_) + " does not exist in " + run_.revision.ShortCommit());
    }
    FillMachine();
    if (Status status = FillModel(); !status) return tl::make_unexpected(status.error());
    FillNumbers();
    FillBatch();
    FillPhases();
    WarnOfForeignFlags();
    CheckBatch();
    CheckShards();
    return std::move(run_);
  }

 private:
  // The loss had a script of its own for some time; batch flags are looked up where they are.
  static std::string_view ScriptName(const Revision& revision, Stage stage) {
    if (stage == Stage::kBaseEval && HasScript(revision, "scripts.base_loss")) {
      return "scripts.base_loss";
    }
    return ScriptOf(stage);
  }

  void Warn(Warning::Kind kind, std::string text) {
    run_.warnings.push_back({kind, std::move(text)});
  }

  const FlagSpec* Spec(std::string_view name) const {
    const auto found = std::find_if(specs_.begin(), specs_.end(),
                                    [&](const FlagSpec& spec) { return spec.name == name; });
    return found == specs_.end() ? nullptr : &*found;
  }

  std::string DefaultDetail() const {
    return "default of " + std::string(script_) + " at " + run_.revision.ShortCommit();
  }

  // The flag if it was given, else the script's default under the first name that it has, else
  // `otherwise`.
  Value<int64_t> Int(const std::optional<int64_t>& flag,
                     std::initializer_list<std::string_view> names, int64_t otherwise,
                     std::string why) const {
    if (flag) return {*flag, Source::kFlag, "--" + std::string(*names.begin())};
    for (const std::string_view name : names) {
      const FlagSpec* spec = Spec(name);
      if (spec == nullptr) continue;
      if (const auto value = ParseInt(spec->default_value)) {
        return {*value, Source::kDefault, DefaultDetail()};
      }
    }
    return {otherwise, Source::kAssumed, std::move(why)};
  }

  double Float(const std::optional<double>& flag, std::string_view name, double otherwise) const {
    if (flag) return *flag;
    const FlagSpec* spec = Spec(name);
    return spec == nullptr ? otherwise : ParseDouble(spec->default_value).value_or(otherwise);
  }

  void FillMachine() {
    run_.world_size = Int(flags_.world_size, {"world_size"}, 1, "one process");
    if (flags_.launcher) {
      run_.launcher = {*flags_.launcher, Source::kFlag, "--launcher"};
    } else if (*run_.world_size > 1) {
      run_.launcher = {Launcher::kTorchrun, Source::kRule, "more than one rank"};
    } else {
      run_.launcher = {Launcher::kPython, Source::kAssumed, "one rank"};
    }
    run_.alloc_conf_variable =
        std::string(AllocConfVariable(run_.revision, script_).value_or(std::string_view{}));
  }

  Status FillModel() {
    const bool base = run_.stage == Stage::kBase;
    const std::string trained = base ? "fixed in the code" : "as base_train's default";
    const auto model_flag = [&](const std::optional<int64_t>& flag, std::string_view name,
                                int64_t otherwise) {
      return Int(flag, {name}, otherwise, trained);
    };
    run_.depth = model_flag(flags_.depth, "depth", 20);
    run_.aspect_ratio = model_flag(flags_.aspect_ratio, "aspect_ratio", 64);
    run_.head_dim = model_flag(flags_.head_dim, "head_dim", 128);
    run_.max_seq_len = model_flag(flags_.max_seq_len, "max_seq_len", 2048);
    if (flags_.vocab_size) {
      run_.vocab_size = {*flags_.vocab_size, Source::kFlag, "--vocab-size"};
    } else {
      run_.vocab_size = {family_.speedrun_vocab, Source::kAssumed,
                         "the tokenizer that speedrun.sh trains at " + run_.revision.ShortCommit()};
    }
    FillPattern();

    if (Status status = CheckSizes(); !status) return status;
    const std::string& pattern = *run_.window_pattern;
    if (pattern.empty() || pattern.find_first_not_of("SsLl") != std::string::npos) {
      return UsageError("the window pattern '" + pattern + "' may hold only S and L");
    }
    run_.model = DimsOf(family_, *run_.depth, *run_.aspect_ratio, *run_.head_dim, *run_.max_seq_len,
                        *run_.vocab_size, pattern);
    CheckModel();
    return {};
  }

  // Sizes that no model has are refused; the bounds keep every product far inside 64 bits.
  Status CheckSizes() const {
    struct Size {
      std::string_view name;
      int64_t value, most;
    };
    const Size sizes[] = {
        {"depth", *run_.depth, 4096},
        {"aspect ratio", *run_.aspect_ratio, 1 << 16},
        {"head dim", *run_.head_dim, 1 << 16},
        {"max seq len", *run_.max_seq_len, 1 << 22},
        {"vocab size", *run_.vocab_size, 1 << 24},
        {"world size", *run_.world_size, 1 << 16},
        {"device batch size", flags_.device_batch_size.value_or(1), 1 << 20},
        {"number of samples", flags_.num_samples.value_or(1), 1 << 20},
        {"examples per step", flags_.examples_per_step.value_or(1), 1 << 20},
        {"model dim", *run_.depth * std::min<int64_t>(*run_.aspect_ratio, 1 << 16), 1 << 20},
    };
    for (const auto& [name, value, most] : sizes) {
      if (value < 1 || value > most) {
        return UsageError("the " + std::string(name) + " cannot be " + std::to_string(value));
      }
    }
    return {};
  }

  void FillPattern() {
    if (flags_.window_pattern) {
      run_.window_pattern = {*flags_.window_pattern, Source::kFlag, "--window-pattern"};
      return;
    }
    const FlagSpec* spec = Spec("window_pattern");
    if (spec != nullptr) {
      run_.window_pattern = {std::string(spec->default_value), Source::kDefault, DefaultDetail()};
      return;
    }
    const auto trained = FindFlag(run_.revision, "scripts.base_train", "window_pattern");
    if (trained) {
      run_.window_pattern = {std::string(trained->default_value), Source::kAssumed,
                             "as base_train's default"};
    } else {
      run_.window_pattern = {"L", Source::kRule, "this revision has no windows"};
    }
  }

  void CheckModel() {
    const ModelDims& model = run_.model;
    if (model.n_embd % model.n_head != 0) {
      Warn(Warning::Kind::kRefused, "n_embd " + std::to_string(model.n_embd) +
                                        " is not divisible by n_head " +
                                        std::to_string(model.n_head));
    }
    if (flags_.window_pattern && !family_.windows && model.has_short_windows()) {
      Warn(Warning::Kind::kHypothesis,
           run_.revision.ShortCommit() + " has no window pattern; taken as a hypothesis");
    }
  }

  void FillNumbers() {
    const bool has_flag = Spec("dtype") != nullptr;
    const bool compute_dtype = family_.precision == Precision::kComputeDtype;
    if (flags_.dtype) {
      run_.dtype = {*flags_.dtype, Source::kFlag, compute_dtype ? "NANOCHAT_DTYPE" : "--dtype"};
      if (!compute_dtype && !has_flag && *run_.dtype != Dtype::kBf16) {
        Warn(Warning::Kind::kHypothesis,
             "this script always computes in bf16; another dtype is a hypothesis");
      }
    } else if (compute_dtype && capability_ < 80) {
      run_.dtype = {Dtype::kFp32, Source::kRule, "COMPUTE_DTYPE before compute capability 8.0"};
    } else {
      run_.dtype = {Dtype::kBf16, Source::kRule, compute_dtype ? "COMPUTE_DTYPE" : "autocast"};
    }
    FillFp8();
    FillAttention();
  }

  void FillFp8() {
    run_.fp8 = {false, Source::kDefault, "fp8 only where it is asked for"};
    const FlagSpec* recipe = Spec("fp8_recipe");
    run_.fp8_recipe = {recipe == nullptr ? "tensorwise" : std::string(recipe->default_value),
                       Source::kDefault, DefaultDetail()};
    if (flags_.fp8_recipe) run_.fp8_recipe = {*flags_.fp8_recipe, Source::kFlag, "--fp8-recipe"};
    if (!flags_.fp8.value_or(false)) return;
    if (run_.stage != Stage::kBase) {
      Warn(Warning::Kind::kNote, "fp8 is for base training only and is left out here");
      return;
    }
    run_.fp8 = {true, Source::kFlag, "--fp8"};
    const bool own = family_.fp8 == Fp8::kOwn || family_.fp8 == Fp8::kOwnSavesInputs;
    if (own && *run_.fp8_recipe != "tensorwise") {
      Warn(Warning::Kind::kRefused, "nanochat's own fp8 knows the recipe tensorwise only");
    } else if (*run_.fp8_recipe != "tensorwise" && *run_.fp8_recipe != "rowwise") {
      Warn(Warning::Kind::kRefused, "there is no fp8 recipe '" + *run_.fp8_recipe + "'");
    }
    if (capability_ < 89) {
      Warn(Warning::Kind::kRefused, "fp8 products need compute capability 8.9 or above");
    }
  }

  void FillAttention() {
    if (flags_.attention) {
      run_.attention = {*flags_.attention, Source::kFlag, "--attention"};
      return;
    }
    const bool hopper = capability_ >= 90 && capability_ < 100;
    run_.attention = {Attention::kSdpa, Source::kRule, "no Flash Attention 3 for this card"};
    if (family_.attention == AttentionRule::kSdpa) {
      run_.attention.detail = "this revision knows PyTorch's attention only";
      return;
    }
    if (family_.precision == Precision::kComputeDtype && *run_.dtype != Dtype::kBf16) {
      run_.attention.detail = "Flash Attention 3 takes bf16 only";
      return;
    }
    const Value<Attention> fa3{Attention::kFa3, Source::kRule, "Flash Attention 3"};
    switch (family_.attention) {
      case AttentionRule::kSdpa:
        break;
      case AttentionRule::kFa3Always:
        run_.attention = fa3;
        if (!hopper) {
          Warn(Warning::Kind::kRefused,
               "this revision has no fall-back for Flash Attention 3, which needs Hopper");
        }
        break;
      case AttentionRule::kFa3From90:
        if (capability_ >= 90) run_.attention = fa3;
        if (capability_ >= 100) {
          Warn(Warning::Kind::kNote,
               "this revision takes Flash Attention 3 on Blackwell, for which it was not built");
        }
        break;
      case AttentionRule::kFa3Only90:
        if (hopper) run_.attention = fa3;
        break;
      case AttentionRule::kFa3OrOther:
        if (hopper) {
          run_.attention = fa3;
        } else {
          run_.attention.detail = "no Flash Attention 3 seen on such a card";
          Warn(Warning::Kind::kNote,
               "this revision also looks for a community build of Flash Attention 3; where there "
               "is one, less memory is needed");
        }
        break;
    }
    if (*run_.attention == Attention::kFa3 && run_.model.head_dim % 8 != 0) {
      Warn(Warning::Kind::kRefused,
           "Flash Attention 3 needs a head dimension divisible by 8, not " +
               std::to_string(run_.model.head_dim));
    }
  }

  void FillBatch() {
    const bool packed_sft = run_.stage == Stage::kSft && family_.sft != SftStyle::kPadded;
    const bool tokens = run_.stage == Stage::kBase || run_.stage == Stage::kMid || packed_sft;
    run_.device_batch_size =
        Int(flags_.device_batch_size, {"device_batch_size", "batch_size"}, 32,
            packed_sft ? "inherited from base_train, whose default it is" : "usual");
    if (tokens) {
      FillTotalBatch();
    } else {
      run_.total_batch_size = {0, Source::kRule, "this stage counts examples"};
      run_.examples_per_step = Int(flags_.examples_per_step,
                                   {"examples_per_step", "target_examples_per_step"}, 0, "none");
    }
    run_.num_samples = Int(flags_.num_samples, {"num_samples"}, 1, "one row");
    run_.max_new_tokens =
        Int(flags_.max_new_tokens, {"max_new_tokens"}, run_.stage == Stage::kBase ? 16 : 512,
            run_.stage == Stage::kBase ? "fixed in base_train" : "default of chat_eval");
    run_.prompt_tokens = {kPromptTokens, Source::kAssumed, "a long question of GSM8K"};

    const int64_t micro = *run_.device_batch_size * *run_.world_size;
    const int64_t rows = tokens                     ? *run_.total_batch_size / *run_.max_seq_len
                         : run_.stage == Stage::kRl ? *run_.examples_per_step * *run_.num_samples
                                                    : *run_.examples_per_step;
    run_.grad_accum_steps = std::max<int64_t>(1, rows / micro);
  }

  void FillTotalBatch() {
    const bool inherits = run_.stage == Stage::kSft && family_.sft == SftStyle::kInherits;
    const double ratio = TargetRatio();
    if (inherits && !flags_.total_batch_size) {
      run_.total_batch_size = {AutoTotalBatch(run_, ratio), Source::kRule,
                               "inherited from a base run that computed it"};
      return;
    }
    run_.total_batch_size =
        Int(flags_.total_batch_size, {"total_batch_size"}, 524288, "usual of nanochat");
    if (*run_.total_batch_size != -1) return;
    const bool automatic = family_.auto_batch != AutoBatch::kNone && run_.stage == Stage::kBase;
    if (!automatic) {
      Warn(Warning::Kind::kRefused, "this script computes no total batch size; 524,288 is taken");
      run_.total_batch_size.value = 524288;
      return;
    }
    run_.total_batch_size = {AutoTotalBatch(run_, ratio), Source::kRule,
                             "power law of the training horizon"};
  }

  // Of base_train, whatever the stage: later stages inherit what it made.
  double TargetRatio() const {
    if (flags_.target_param_data_ratio) return *flags_.target_param_data_ratio;
    const auto spec = FindFlag(run_.revision, "scripts.base_train", "target_param_data_ratio");
    return spec ? ParseDouble(spec->default_value).value_or(20) : 20;
  }

  void FillPhases() {
    const std::string never = "this script has no such phase";
    run_.eval_every = Int(flags_.eval_every, {"eval_every"}, -1, never);
    run_.core_metric_every =
        run_.stage == Stage::kSft
            ? Int(flags_.chatcore_every, {"chatcore_every", "eval_metrics_every"}, -1, never)
            : Int(flags_.core_metric_every, {"core_metric_every"}, -1, never);
    run_.sample_every = Int(flags_.sample_every, {"sample_every"}, -1, never);
    run_.save_every = Int(flags_.save_every, {"save_every"}, -1, never);
    run_.resume_from_step = Int(flags_.resume_from_step, {"resume_from_step"}, -1, never);
    run_.eval_tokens = Int(flags_.eval_tokens, {"eval_tokens", "split_tokens"}, 0, never);
    run_.core_metric_max_per_task = Int(flags_.core_metric_max_per_task,
                                        {"core_metric_max_per_task", "max_per_task"}, -1, "all");
    const Value<int64_t> load = Int(flags_.load_optimizer, {"load_optimizer"}, 0, never);
    run_.load_optimizer = {*load != 0, load.source, load.detail};
    run_.grad_clip = {Float(flags_.grad_clip, "grad_clip", 0), Source::kDefault, DefaultDetail()};
    if (flags_.grad_clip) run_.grad_clip.source = Source::kFlag;
    FillIterations();
    // Every phase that is off has the same value.
    for (Value<int64_t>* every :
         {&run_.eval_every, &run_.core_metric_every, &run_.sample_every, &run_.save_every}) {
      if (**every <= 0) every->value = -1;
    }
    const int64_t batch = *run_.device_batch_size * *run_.max_seq_len * *run_.world_size;
    run_.eval_steps = batch > 0 ? *run_.eval_tokens / batch : 0;
    if (run_.stage == Stage::kSft && family_.sft == SftStyle::kPadded) {
      run_.eval_steps = *Int(flags_.eval_steps, {"eval_steps"}, 100, "usual");
      if (!flags_.max_seq_len) {
        run_.max_seq_len = {kConversationTokens, Source::kRule, "conversations are cropped to it"};
      }
    }
    if (run_.stage == Stage::kRl && !flags_.max_seq_len) {
      run_.max_seq_len = {*run_.prompt_tokens + *run_.max_new_tokens, Source::kRule,
                          "a question and the longest answer to it"};
    }
    if (run_.stage == Stage::kBaseEval) {
      // --eval=core,bpb,sample names what is done; all of it unless given.
      const auto chosen = flags_.others.find("eval");
      const auto done = [&](std::string_view part) -> int64_t {
        if (chosen == flags_.others.end()) return 1;
        const auto parts = Split(chosen->second, ',');
        return std::any_of(parts.begin(), parts.end(),
                           [part](std::string_view one) { return Trim(one) == part; })
                   ? 1
                   : -1;
      };
      run_.core_metric_every = {done("core"), Source::kRule, "CORE is evaluated"};
      run_.eval_every = {done("bpb"), Source::kRule, "the loss is evaluated"};
      run_.sample_every = {done("sample"), Source::kRule, "texts are sampled"};
    }
    if (*run_.resume_from_step >= 0 && !family_.can_resume) {
      Warn(Warning::Kind::kHypothesis,
           run_.revision.ShortCommit() + " cannot resume; taken as a hypothesis");
    }
    NoteMinusOne();
  }

  // Until January 2026 "never" was not what a negative number meant.
  void NoteMinusOne() {
    if (run_.stage != Stage::kBase) return;
    const auto note = [&](const std::optional<int64_t>& flag, bool skips, std::string_view name) {
      if (!flag || *flag > 0 || skips) return;
      Warn(Warning::Kind::kNote, run_.revision.ShortCommit() + " takes " + std::string(name) +
                                     "=-1 as every step; taken as never here");
    };
    note(flags_.core_metric_every, family_.minus_one_skips_core, "--core_metric_every");
    note(flags_.eval_every, family_.minus_one_skips_eval, "--eval_every");
    note(flags_.sample_every, family_.minus_one_skips_eval, "--sample_every");
  }

  void FillIterations() {
    run_.num_iterations =
        Int(flags_.num_iterations, {"num_iterations", "max_iterations"}, 0, "a whole epoch");
    if (*run_.num_iterations > 0) return;
    run_.num_iterations = {0, Source::kRule, "a whole epoch"};
    if (run_.stage == Stage::kRl && *run_.examples_per_step > 0) {
      run_.num_iterations.value = kRlQuestions / *run_.examples_per_step;
    }
    if (run_.stage != Stage::kBase || *run_.total_batch_size <= 0) return;
    const ParameterCounts counts = CountParameters(family_, run_.model);
    const double batch = static_cast<double>(*run_.total_batch_size);
    const double flops = Float(flags_.target_flops, "target_flops", -1);
    if (flops > 0) {
      run_.num_iterations = {
          static_cast<int64_t>(std::nearbyint(flops / (FlopsPerToken(run_.model, counts) * batch))),
          Source::kRule, "target FLOPs"};
    } else {
      const double tokens = TargetRatio() * static_cast<double>(ScalingParameters(family_, counts));
      run_.num_iterations = {static_cast<int64_t>(std::max(0.0, tokens) / batch), Source::kRule,
                             "tokens to parameters of " + std::to_string(TargetRatio())};
    }
  }

  void WarnOfForeignFlags() {
    const auto check = [&](bool given, std::initializer_list<std::string_view> names) {
      if (!given || specs_.empty()) return;
      for (const std::string_view name : names) {
        if (Spec(name) != nullptr) return;
      }
      Warn(Warning::Kind::kHypothesis, std::string(script_) + " of " + run_.revision.ShortCommit() +
                                           " has no --" + std::string(*names.begin()) +
                                           "; taken as a hypothesis");
    };
    if (run_.stage == Stage::kBase) {
      check(flags_.aspect_ratio.has_value(), {"aspect_ratio"});
      check(flags_.head_dim.has_value(), {"head_dim"});
      check(flags_.fp8.value_or(false), {"fp8"});
    }
    check(flags_.device_batch_size.has_value(), {"device_batch_size", "batch_size"});
    check(flags_.num_samples.has_value(), {"num_samples"});
    if (run_.stage == Stage::kBase || run_.stage == Stage::kMid) {
      check(flags_.total_batch_size.has_value(), {"total_batch_size"});
    }
  }

  void CheckBatch() {
    const int64_t batch = *run_.device_batch_size, world = *run_.world_size;
    const auto refuse_unless = [&](int64_t whole, int64_t part, const std::string& what) {
      if (part <= 0 || whole % part == 0) return;
      Warn(Warning::Kind::kRefused,
           what + " (" + WithThousands(whole) + ") must be a multiple of " + WithThousands(part));
    };
    if (*run_.total_batch_size > 0) {
      refuse_unless(*run_.total_batch_size, batch * *run_.max_seq_len * world,
                    "the total batch size");
    } else if (run_.stage == Stage::kSft) {
      refuse_unless(*run_.examples_per_step, batch * world, "target_examples_per_step");
    } else if (run_.stage == Stage::kRl) {
      refuse_unless(*run_.examples_per_step, world, "examples_per_step");
      if (*run_.num_samples < batch) {
        Warn(Warning::Kind::kRefused, "num_samples (" + std::to_string(*run_.num_samples) +
                                          ") below the device batch size makes no sample");
      }
    } else if (run_.stage == Stage::kBaseEval && family_.base_loss_script) {
      refuse_unless(*run_.eval_tokens, batch * *run_.max_seq_len * world, "split_tokens");
    }
    if (run_.stage == Stage::kBase && *run_.eval_every > 0 && run_.eval_steps == 0) {
      Warn(Warning::Kind::kNote, "eval_tokens is less than one batch: nothing is evaluated");
    }
  }

  // AdamW shards along the first dimension and refuses what does not divide.
  void CheckShards() {
    const bool trains = run_.stage != Stage::kBaseEval && run_.stage != Stage::kChatEval;
    const int64_t rows = run_.model.padded_vocab_size;
    if (trains && *run_.world_size > 1 && rows % *run_.world_size != 0) {
      Warn(Warning::Kind::kRefused, "the vocabulary of " + WithThousands(rows) +
                                        " rows is not divisible by " +
                                        std::to_string(*run_.world_size) + " ranks");
    }
  }

  const Flags& flags_;
  const Family& family_;
  const int capability_;
  const std::string_view script_;
  const std::vector<FlagSpec>& specs_;
  RunConfig run_;
};

}  // namespace

bool RunConfig::refused() const {
  return std::any_of(warnings.begin(), warnings.end(), [](const Warning& warning) {
    return warning.kind == Warning::Kind::kRefused;
  });
}

int64_t AutoTotalBatch(const RunConfig& config, double ratio) {
  const Family& family = *config.revision.family;
  const auto horizon = [&](const ModelDims& dims) {
    return ratio * static_cast<double>(ScalingParameters(family, CountParameters(family, dims)));
  };
  const ModelDims reference =
      DimsOf(family, 12, *config.aspect_ratio, *config.head_dim, *config.max_seq_len,
             *config.vocab_size, *config.window_pattern);
  const double relative = std::trunc(horizon(config.model)) / horizon(reference);
  if (!(relative > 0)) return 524288;
  const double predicted = 524288.0 * std::pow(relative, 0.383);
  return int64_t{1} << std::clamp(std::lrint(std::log2(predicted)), 0L, 40L);
}

Result<RunConfig> Resolve(const Flags& flags, const Revision& revision, Stage stage,
                          std::optional<int> capability) {
  return Resolver(flags, revision, stage, capability).Run();
}

}  // namespace vramcast::nanochat
