#include "cli/run_attempts.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "cli/fix_saved.h"
#include "cli/fix_source.h"
#include "command/edit.h"

namespace vramcast::cli {
namespace {

// A checkpoint of another, older run with the same name must not be taken for this run's.
bool WrittenSince(const nanochat::Checkpoint& checkpoint, int64_t began) {
  struct stat status;
  const std::string model =
      (checkpoint.folder / fmt::format("model_{:06}.pt", checkpoint.step)).string();
  return stat(model.c_str(), &status) == 0 && status.st_mtime >= began;
}

std::string Sentence(const command::Change& change) {
  if (change.before && change.after) {
    return fmt::format("{} {} -> {}", change.flag, *change.before, *change.after);
  }
  return change.after ? fmt::format("{} {} (was not given)", change.flag, *change.after)
                      : fmt::format("{} removed", change.flag);
}

}  // namespace

Result<NextAttempt> Next(const std::vector<Attempt>& attempts, const RunRules& rules,
                         const std::string& log_file) {
  NextAttempt next;
  FixArguments arguments;
  arguments.command = attempts.back().command;
  arguments.log = log_file;
  arguments.gpu = rules.gpu;
  auto source = ReadFixSource(arguments);
  if (!source) return tl::make_unexpected(source.error());
  const auto card = FindFixCard(arguments, *source);

  FixRequest request;
  request.text = source->text;
  request.revision = rules.revision;
  request.known = source->known;
  request.died = true;
  if (card) {
    request.card = card->card;
    request.total = card->total;
    request.other_processes = card->other_processes;
  }
  const auto plan = MakeFixPlan(request);
  if (!plan) return tl::make_unexpected(plan.error());
  for (const FixedLaunch& launch : plan->launches) {
    for (const command::Change& change : launch.changes) next.changes.push_back(Sentence(change));
  }
  if (!plan->changed() || !plan->fits()) {
    next.why_not =
        "no change that keeps the training the same makes it fit; vramcast fit names others";
    return next;
  }
  next.command = plan->text;

  const auto script = command::ReadLaunches(plan->text);
  const command::Launch* launch = command::FirstOfNanochat(script.launches);
  if (rules.may_resume && launch != nullptr) {
    const auto died_at = source->dead ? source->dead->step : std::nullopt;
    const Saved saved = FindSaved(script, *launch, rules.revision, launch->flags.depth, died_at,
                                  ResultsFolder(*launch));
    if (saved.checkpoint && saved.command && WrittenSince(*saved.checkpoint, rules.began)) {
      next.command = *saved.command;
      next.changes.push_back(fmt::format("resumes from step {}", saved.checkpoint->step));
    }
  }
  const bool tried = std::any_of(attempts.begin(), attempts.end(), [&](const Attempt& attempt) {
    return attempt.command == next.command;
  });
  if (tried) {
    next.command.clear();
    next.why_not = "the corrected command was tried already";
  }
  return next;
}

}  // namespace vramcast::cli
