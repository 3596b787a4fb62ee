#include "nanochat/flags.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>

#include "base/text.h"
#include "nanochat/tables.h"

namespace vramcast::nanochat {
namespace {

struct ScriptName {
  Stage stage;
  std::string_view module;
};
constexpr ScriptName kScripts[] = {
    {Stage::kBase, "scripts.base_train"},    {Stage::kMid, "scripts.mid_train"},
    {Stage::kSft, "scripts.chat_sft"},       {Stage::kRl, "scripts.chat_rl"},
    {Stage::kBaseEval, "scripts.base_eval"}, {Stage::kChatEval, "scripts.chat_eval"},
    {Stage::kBaseEval, "scripts.base_loss"},
};

// What people call a flag of nanochat, and what it was called at other times.
struct Synonym {
  std::string_view name, flag;
};
constexpr Synonym kSynonyms[] = {
    {"seq_len", "max_seq_len"},
    {"sequence_len", "max_seq_len"},
    {"sequence_length", "max_seq_len"},
    {"max_length", "max_seq_len"},
    {"max_sequence_length", "max_seq_len"},
    {"context_len", "max_seq_len"},
    {"context_length", "max_seq_len"},
    {"block_size", "max_seq_len"},
    {"batch_size", "device_batch_size"},
    {"micro_batch_size", "device_batch_size"},
    {"per_device_batch_size", "device_batch_size"},
    {"per_device_train_batch_size", "device_batch_size"},
    {"device_batch_size", "batch_size"},
    {"global_batch_size", "total_batch_size"},
    {"tokens_per_step", "total_batch_size"},
    {"target_examples_per_step", "total_batch_size"},
    {"total_batch_size", "target_examples_per_step"},
    {"n_layer", "depth"},
    {"num_layers", "depth"},
    {"layers", "depth"},
    {"max_iterations", "num_iterations"},
    {"num_iterations", "max_iterations"},
    {"max_steps", "num_iterations"},
    {"num_steps", "num_iterations"},
    {"steps", "num_iterations"},
    {"iterations", "num_iterations"},
    {"resume", "resume_from_step"},
    {"resume_step", "resume_from_step"},
    {"step", "model_step"},
    {"model_step", "step"},
    {"eval_tokens", "split_tokens"},
    {"split_tokens", "eval_tokens"},
    {"max_tokens", "max_new_tokens"},
    {"window", "window_pattern"},
    {"core_every", "core_metric_every"},
    {"max_per_task", "core_metric_max_per_task"},
    {"core_metric_max_per_task", "max_per_task"},
    {"checkpoint_every", "save_every"},
    {"save_steps", "save_every"},
};

struct IntFlag {
  std::string_view name;
  std::optional<int64_t> Flags::*member;
};
constexpr IntFlag kIntFlags[] = {
    {"depth", &Flags::depth},
    {"aspect_ratio", &Flags::aspect_ratio},
    {"head_dim", &Flags::head_dim},
    {"max_seq_len", &Flags::max_seq_len},
    {"device_batch_size", &Flags::device_batch_size},
    {"batch_size", &Flags::device_batch_size},
    {"total_batch_size", &Flags::total_batch_size},
    {"eval_every", &Flags::eval_every},
    {"eval_tokens", &Flags::eval_tokens},
    {"split_tokens", &Flags::eval_tokens},
    {"eval_steps", &Flags::eval_steps},
    {"core_metric_every", &Flags::core_metric_every},
    {"core_metric_max_per_task", &Flags::core_metric_max_per_task},
    {"max_per_task", &Flags::core_metric_max_per_task},
    {"chatcore_every", &Flags::chatcore_every},
    {"eval_metrics_every", &Flags::chatcore_every},
    {"load_optimizer", &Flags::load_optimizer},
    {"sample_every", &Flags::sample_every},
    {"save_every", &Flags::save_every},
    {"resume_from_step", &Flags::resume_from_step},
    {"num_iterations", &Flags::num_iterations},
    {"max_iterations", &Flags::num_iterations},
    {"num_samples", &Flags::num_samples},
    {"max_new_tokens", &Flags::max_new_tokens},
    {"vocab_size", &Flags::vocab_size},
    {"world_size", &Flags::world_size},
    {"examples_per_step", &Flags::examples_per_step},
    {"target_examples_per_step", &Flags::examples_per_step},
};

struct FloatFlag {
  std::string_view name;
  std::optional<double> Flags::*member;
};
constexpr FloatFlag kFloatFlags[] = {
    {"target_param_data_ratio", &Flags::target_param_data_ratio},
    {"target_flops", &Flags::target_flops},
    {"grad_clip", &Flags::grad_clip},
};

std::string Dashed(std::string_view name) { return std::string("--").append(name); }

std::string_view FileStem(std::string_view script) {
  if (script.ends_with(".py")) script.remove_suffix(3);
  const size_t slash = script.find_last_of("./\\");
  return slash == std::string_view::npos ? script : script.substr(slash + 1);
}

// The blob of the script in this revision; -1 if it has no such script.
int ScriptBlob(const Revision& revision, std::string_view script) {
  const std::string path = "scripts/" + std::string(FileStem(script)) + ".py";
  const auto& files = TrackedFiles();
  const auto found = std::find(files.begin(), files.end(), path);
  if (found == files.end()) return -1;
  return BlobOf(revision.tree, static_cast<int>(found - files.begin()));
}

FlagType TypeOf(std::string_view text) {
  if (text == "int") return FlagType::kInt;
  if (text == "float") return FlagType::kFloat;
  if (text == "bool") return FlagType::kBool;
  return text == "switch" ? FlagType::kSwitch : FlagType::kString;
}

// A flag table, read when it is first asked for.
struct ScriptFlags {
  std::once_flag once;
  std::vector<FlagSpec> specs;
  std::optional<std::string_view> alloc_conf;
};

void ReadTable(std::string_view text, ScriptFlags& script) {
  constexpr std::string_view kAllocConf = "=alloc_conf\t";
  for (const std::string_view line : Split(text, '\n')) {
    if (line.starts_with(kAllocConf)) script.alloc_conf = line.substr(kAllocConf.size());
    if (line.empty() || line.front() == '=') continue;
    const std::vector<std::string_view> cells = Split(line, '\t');
    FlagSpec spec;
    spec.spelling = cells[0];
    spec.name = CanonicalName(cells[0]);
    if (cells.size() > 1) spec.type = TypeOf(cells[1]);
    if (cells.size() > 2) spec.default_value = cells[2];
    if (cells.size() > 3 && !cells[3].empty()) spec.letter = cells[3].front();
    script.specs.push_back(std::move(spec));
  }
}

const ScriptFlags& TableOf(const Revision& revision, std::string_view script) {
  static const ScriptFlags none;
  const int blob = ScriptBlob(revision, script);
  const int table = blob < 0 ? -1 : FlagTableOf(blob);
  if (table < 0) return none;
  static const auto all = std::make_unique<ScriptFlags[]>(static_cast<size_t>(BlobCount()));
  ScriptFlags& found = all[static_cast<size_t>(table)];
  std::call_once(found.once, [&] { ReadTable(FlagTable(table), found); });
  return found;
}

std::optional<bool> ParseBool(std::string_view text) {
  const std::string lower = ToLower(text);
  if (lower.empty() || lower == "true" || lower == "1") return true;
  if (lower == "false" || lower == "0") return false;
  return std::nullopt;
}

std::optional<Dtype> ParseDtype(std::string_view text) {
  const std::string lower = ToLower(text);
  if (lower == "bf16" || lower == "bfloat16") return Dtype::kBf16;
  if (lower == "fp16" || lower == "float16") return Dtype::kFp16;
  if (lower == "fp32" || lower == "float32") return Dtype::kFp32;
  return std::nullopt;
}

tl::unexpected<Error> BadValue(std::string_view name, std::string_view value,
                               std::string_view takes) {
  return UsageError("--" + std::string(name) + " takes " + std::string(takes) + ", not '" +
                    std::string(value) + "'");
}

// Python's int() takes underscores between digits.
std::optional<int64_t> ParsePythonInt(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c != '_'; });
  return ParseInt(Trim(digits));
}

Status SetWord(Flags& flags, const std::string& name, std::string_view value) {
  if (name == "window_pattern") {
    flags.window_pattern = std::string(value);
  } else if (name == "fp8_recipe") {
    flags.fp8_recipe = std::string(value);
  } else if (name == "revision") {
    flags.revision = std::string(value);
  } else if (name == "fp8") {
    flags.fp8 = ParseBool(value);
    if (!flags.fp8) return BadValue(name, value, "no value");
  } else if (name == "dtype") {
    flags.dtype = ParseDtype(value);
    if (!flags.dtype && value != "auto") {
      return BadValue(name, value, "auto, bf16, fp16 or fp32");
    }
  } else if (name == "attention") {
    flags.attention.reset();
    if (value == "fa3") {
      flags.attention = Attention::kFa3;
    } else if (value == "sdpa") {
      flags.attention = Attention::kSdpa;
    } else if (value != "auto") {
      return BadValue(name, value, "auto, fa3 or sdpa");
    }
  } else if (name == "launcher") {
    if (value == "python") {
      flags.launcher = Launcher::kPython;
    } else if (value == "torchrun") {
      flags.launcher = Launcher::kTorchrun;
    } else {
      return BadValue(name, value, "python or torchrun");
    }
  } else if (name == "stage") {
    constexpr std::pair<std::string_view, Stage> kStages[] = {{"base", Stage::kBase},
                                                              {"mid", Stage::kMid},
                                                              {"sft", Stage::kSft},
                                                              {"rl", Stage::kRl},
                                                              {"base_eval", Stage::kBaseEval},
                                                              {"chat_eval", Stage::kChatEval}};
    const auto stage = std::find_if(std::begin(kStages), std::end(kStages),
                                    [&](const auto& entry) { return entry.first == value; });
    if (stage == std::end(kStages)) {
      return BadValue(name, value, "base, mid, sft, rl, base_eval or chat_eval");
    }
    flags.stage = stage->second;
  } else {
    flags.others[name] = std::string(value);
  }
  return {};
}

}  // namespace

std::string_view ScriptOf(Stage stage) {
  for (const ScriptName& script : kScripts) {
    if (script.stage == stage) return script.module;
  }
  return {};
}

std::optional<Stage> StageOf(std::string_view script) {
  for (const ScriptName& known : kScripts) {
    if (FileStem(known.module) == FileStem(script)) return known.stage;
  }
  return std::nullopt;
}

std::optional<std::string> BatchFlagOf(const Revision& revision, std::string_view script) {
  for (const char* name : {"device_batch_size", "batch_size"}) {
    if (FindFlag(revision, script, name)) return name;
  }
  return std::nullopt;
}

bool HasScript(const Revision& revision, std::string_view script) {
  return ScriptBlob(revision, script) >= 0;
}

const std::vector<FlagSpec>& FlagsOf(const Revision& revision, std::string_view script) {
  return TableOf(revision, script).specs;
}

std::optional<FlagSpec> FindFlag(const Revision& revision, std::string_view script,
                                 std::string_view name) {
  const bool letter = name.size() == 2 && name[0] == '-' && name[1] != '-';
  const std::string wanted = CanonicalName(name);
  for (const FlagSpec& spec : FlagsOf(revision, script)) {
    if (letter ? spec.letter == name[1] : spec.name == wanted) return spec;
  }
  return std::nullopt;
}

std::optional<std::string_view> AllocConfVariable(const Revision& revision,
                                                  std::string_view script) {
  return TableOf(revision, script).alloc_conf;
}

std::string Spell(const Revision& revision, std::string_view script, std::string_view name) {
  std::string canonical = CanonicalName(name);
  bool dashes = false;
  for (const FlagSpec& spec : FlagsOf(revision, script)) {
    if (spec.name == canonical) return Dashed(spec.spelling);
    dashes = dashes || spec.spelling.find('-') != std::string_view::npos;
  }
  if (dashes) std::replace(canonical.begin(), canonical.end(), '_', '-');
  return Dashed(canonical);
}

std::string CanonicalName(std::string_view flag) {
  while (flag.starts_with('-')) flag.remove_prefix(1);
  std::string name(flag);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::optional<std::string> SuggestFlag(const Revision& revision, std::string_view script,
                                       std::string_view name) {
  const std::string canonical = CanonicalName(name);
  const std::vector<FlagSpec>& specs = FlagsOf(revision, script);
  const auto spelled = [&](std::string_view wanted) -> std::optional<std::string> {
    for (const FlagSpec& spec : specs) {
      if (spec.name == wanted) return Dashed(spec.spelling);
    }
    return std::nullopt;
  };
  for (const Synonym& synonym : kSynonyms) {
    if (synonym.name != canonical) continue;
    if (auto flag = spelled(synonym.flag)) return flag;
  }
  std::vector<std::string> names;
  for (const FlagSpec& spec : specs) names.push_back(spec.name);
  const std::optional<std::string> nearest = Nearest(canonical, names);
  return nearest ? spelled(*nearest) : std::nullopt;
}

Status SetFlag(Flags& flags, std::string_view name, std::string_view value) {
  const std::string canonical = CanonicalName(name);
  for (const IntFlag& flag : kIntFlags) {
    if (flag.name != canonical) continue;
    if (value == "None") {  // what the configurator and argparse call "not given"
      (flags.*flag.member).reset();
      return {};
    }
    flags.*flag.member = ParsePythonInt(value);
    if (!(flags.*flag.member)) return BadValue(canonical, value, "a whole number");
    return {};
  }
  for (const FloatFlag& flag : kFloatFlags) {
    if (flag.name != canonical) continue;
    flags.*flag.member = ParseDouble(Trim(value));
    if (!(flags.*flag.member)) return BadValue(canonical, value, "a number");
    return {};
  }
  return SetWord(flags, canonical, value);
}

Result<Flags> ParseFlags(std::span<const std::string> arguments, std::span<const FlagSpec> specs) {
  Flags flags;
  const auto spec_of = [&](std::string_view flag) -> const FlagSpec* {
    const bool letter = flag.size() == 2;
    const std::string name = CanonicalName(flag);
    for (const FlagSpec& spec : specs) {
      if (letter ? spec.letter == flag[1] : spec.name == name) return &spec;
    }
    return nullptr;
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--") continue;
    if (argument.size() < 2 || argument.front() != '-') {
      return UsageError("'" + std::string(argument) + "' is not a flag");
    }
    const size_t equals = argument.find('=');
    const std::string_view written = argument.substr(0, equals);
    const FlagSpec* spec = spec_of(written);
    const std::string name = spec != nullptr ? spec->name : CanonicalName(written);
    const bool is_switch =
        spec != nullptr ? spec->type == FlagType::kSwitch : name == "fp8" || name == "dry_run";
    std::string_view value;
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (!is_switch && i + 1 < arguments.size()) {
      value = arguments[++i];
    } else if (!is_switch) {
      return UsageError(std::string(written) + " needs a value");
    }
    if (Status status = SetFlag(flags, name, value); !status) {
      return tl::make_unexpected(status.error());
    }
  }
  return flags;
}

}  // namespace vramcast::nanochat
