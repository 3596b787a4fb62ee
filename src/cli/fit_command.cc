#include "cli/fit_command.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "command/quote.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {

using nanochat::Flags;

class Writer {
 public:
  Writer(const nanochat::Revision& revision, std::string_view script)
      : revision_(revision), script_(script) {}

  void Add(std::string_view name, const std::optional<int64_t>& value) {
    if (value) Add(name, std::to_string(*value));
  }
  void Add(std::string_view name, const std::string& value) {
    if (!nanochat::FindFlag(revision_, script_, name)) return;
    words_.push_back(fmt::format("{}={}", nanochat::Spell(revision_, script_, name), value));
  }
  void Switch(std::string_view name) {
    if (!nanochat::FindFlag(revision_, script_, name)) return;
    words_.push_back(nanochat::Spell(revision_, script_, name));
  }
  std::vector<std::string> Take() && { return std::move(words_); }

 private:
  const nanochat::Revision& revision_;
  std::string_view script_;
  std::vector<std::string> words_;
};

}  // namespace

std::vector<std::string> CommandWords(const forecast::Fit& fit,
                                      const nanochat::Revision& revision) {
  const Flags& flags = fit.flags;
  const nanochat::Stage stage = flags.stage.value_or(nanochat::Stage::kBase);
  const std::string script(nanochat::ScriptOf(stage));
  Writer writer(revision, script);
  writer.Add("depth", flags.depth);
  writer.Add("aspect_ratio", flags.aspect_ratio);
  writer.Add("head_dim", flags.head_dim);
  writer.Add("max_seq_len", flags.max_seq_len);
  if (flags.window_pattern) writer.Add("window_pattern", *flags.window_pattern);
  if (flags.fp8.value_or(false)) writer.Switch("fp8");
  if (flags.fp8_recipe) writer.Add("fp8_recipe", *flags.fp8_recipe);
  if (const auto batch = nanochat::BatchFlagOf(revision, script)) {
    writer.Add(*batch, flags.device_batch_size);
  }
  writer.Add("total_batch_size", flags.total_batch_size);
  writer.Add("eval_every", flags.eval_every);
  writer.Add("eval_tokens", flags.eval_tokens);
  writer.Add("core_metric_every", flags.core_metric_every);
  writer.Add("sample_every", flags.sample_every);
  writer.Add("save_every", flags.save_every);
  writer.Add("resume_from_step", flags.resume_from_step);
  writer.Add("num_iterations", flags.num_iterations);
  writer.Add("num_samples", flags.num_samples);
  writer.Add("max_new_tokens", flags.max_new_tokens);
  const int64_t world = fit.forecast.world_size;
  const bool torchrun = world > 1 || flags.launcher == nanochat::Launcher::kTorchrun;
  std::vector<std::string> words = {"python"};
  if (torchrun) words = {"torchrun", "--standalone", fmt::format("--nproc_per_node={}", world)};
  words.insert(words.end(), {"-m", script});
  const std::vector<std::string> rest = std::move(writer).Take();
  if (torchrun && !rest.empty()) words.emplace_back("--");
  words.insert(words.end(), rest.begin(), rest.end());
  return words;
}

std::string CommandOf(const forecast::Fit& fit, const nanochat::Revision& revision) {
  return command::QuoteCommand(CommandWords(fit, revision));
}

}  // namespace vramcast::cli
