#include "cli/fix_saved.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "command/dialect.h"
#include "command/edit.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {

using nanochat::Stage;

std::optional<std::string> TextOf(const command::Launch& launch, std::string_view name) {
  const command::FlagUse* use = launch.Find(name);
  if (use == nullptr || !use->value) return std::nullopt;
  return use->value->text;
}

// Why nothing was written before the run died.
std::string WhyNothing(const command::Launch& launch, const nanochat::Revision& revision,
                       std::optional<int64_t> died_at) {
  const std::string module = command::ModuleOf(launch.program);
  if (!nanochat::FindFlag(revision, module, "save_every")) {
    return fmt::format(
        "Nothing was saved: nanochat {} writes its checkpoint after the last step only.",
        revision.ShortCommit());
  }
  const std::string flag = nanochat::Spell(revision, module, "save_every");
  const int64_t every = launch.flags.save_every.value_or(-1);
  if (every <= 0) {
    return fmt::format(
        "Nothing was saved: {} is {}, so the last step alone is written. With {}=250 the next run "
        "loses 250 steps at most.",
        flag, every, flag);
  }
  if (died_at && *died_at < every) {
    return fmt::format("Nothing was saved: the run died at step {}, and {} is {}.", *died_at, flag,
                       every);
  }
  return "";
}

}  // namespace

nanochat::Flags FlagsOfCheckpoint(const command::Launch& launch,
                                  const std::filesystem::path& base) {
  const std::optional<std::string> tag = TextOf(launch, "model-tag");
  const auto all = nanochat::FindCheckpoints(base);
  const nanochat::Checkpoint* best = nullptr;
  for (const nanochat::Checkpoint& checkpoint : all) {
    if (checkpoint.stage != Stage::kBase || !checkpoint.depth) continue;
    if (tag && *tag != checkpoint.model_tag) continue;
    if (best == nullptr || *checkpoint.depth > *best->depth) best = &checkpoint;
  }
  nanochat::Flags flags;
  if (best == nullptr) return flags;
  flags.depth = best->depth;
  flags.max_seq_len = best->max_seq_len;
  flags.device_batch_size = best->device_batch_size;
  flags.total_batch_size = best->total_batch_size;
  flags.vocab_size = best->vocab_size;
  return flags;
}

std::filesystem::path ResultsFolder(const command::Launch& launch) {
  const command::EnvironmentSetting* setting = launch.FindEnvironment("NANOCHAT_BASE_DIR");
  if (setting != nullptr && setting->value.text) return *setting->value.text;
  return nanochat::BaseDirectory();
}

Saved FindSaved(const command::LaunchScript& script, const command::Launch& launch,
                const nanochat::Revision& revision, std::optional<int64_t> depth,
                std::optional<int64_t> died_at, const std::filesystem::path& base) {
  Saved saved;
  const auto say = [&saved](std::string sentence) {
    saved.sentences.push_back(std::move(sentence));
  };
  if (launch.stage != Stage::kBase) {
    say(launch.stage == Stage::kBaseEval || launch.stage == Stage::kChatEval
            ? "Evaluation changes no checkpoint: run it again."
            : "This stage cannot resume: it starts again from the checkpoint of the stage before.");
    return saved;
  }
  const std::string tag =
      TextOf(launch, "model-tag").value_or(depth ? fmt::format("d{}", *depth) : std::string());
  saved.checkpoint = nanochat::NewestComplete(nanochat::FindCheckpoints(base), Stage::kBase, tag);
  if (!saved.checkpoint) {
    const std::string why = WhyNothing(launch, revision, died_at);
    say(why.empty() ? fmt::format("No complete checkpoint of {} is in {} on this machine.",
                                  tag.empty() ? "the model" : tag, base.string())
                    : why);
  } else {
    say(fmt::format("The newest complete checkpoint is step {} in {}.", saved.checkpoint->step,
                    saved.checkpoint->folder.string()));
  }
  if (!revision.family->can_resume) {
    say(fmt::format("nanochat {} cannot resume base training; later revisions can.",
                    revision.ShortCommit()));
    return saved;
  }
  if (!saved.checkpoint) return saved;
  const int64_t shards = saved.checkpoint->optimizer_shards;
  if (launch.world_size && shards > 0 && shards != *launch.world_size) {
    say(fmt::format(
        "Its optimizer state is in {} shard{}, one for each process: it can only be resumed with "
        "{} process{}, not with {}.",
        shards, shards == 1 ? "" : "s", shards, shards == 1 ? "" : "es", *launch.world_size));
    return saved;
  }
  const std::vector<command::FlagEdit> edits = {
      {command::EditKind::kSet, "resume-from-step", std::to_string(saved.checkpoint->step),
       nanochat::Spell(revision, command::ModuleOf(launch.program), "resume_from_step")}};
  if (auto edited = command::EditLaunch(script, launch, edits)) {
    saved.command = std::move(edited->text);
  }
  return saved;
}

}  // namespace vramcast::cli
