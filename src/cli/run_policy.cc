#include "cli/run_policy.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/text.h"
#include "cli/fix_saved.h"
#include "cli/fix_source.h"
#include "command/edit.h"

namespace vramcast::cli {
namespace {

using diagnosis::Cause;

std::string Sentence(const command::Change& change) {
  if (change.before && change.after) {
    return fmt::format("{} {} -> {}", change.flag, *change.before, *change.after);
  }
  return change.after ? fmt::format("{} {} (was not given)", change.flag, *change.after)
                      : fmt::format("{} removed", change.flag);
}

std::optional<double> WrittenAt(const nanochat::Checkpoint& checkpoint) {
  struct stat status;
  const std::string model =
      (checkpoint.folder / fmt::format("model_{:06}.pt", checkpoint.step)).string();
  if (stat(model.c_str(), &status) != 0) return std::nullopt;
  return static_cast<double>(status.st_mtim.tv_sec) +
         static_cast<double>(status.st_mtim.tv_nsec) * 1e-9;
}

const command::Launch* BaseTraining(const command::LaunchScript& script) {
  for (const command::Launch& launch : script.launches) {
    if (launch.stage == nanochat::Stage::kBase) return &launch;
  }
  return nullptr;
}

class Policy {
 public:
  Policy(const std::vector<Attempt>& attempts, const RunRules& rules)
      : attempts_(attempts), last_(attempts.back()), rules_(rules) {}

  NextAttempt Plan() {
    switch (last_.cause.value_or(Cause::kUnknown)) {
      case Cause::kOtherProcess:
        return AfterOthers();
      case Cause::kSettingOrDriverFault:
        return Stop(
            "the driver refused although there was room, which no flag changes; vramcast "
            "diagnose says what to look at");
      case Cause::kHostMemory:
      case Cause::kNotMemory:
        return Stop("GPU memory is not what was missing");
      case Cause::kFragmentation:
        if (auto next = JoinedSegments()) return *std::move(next);
        break;
      default:
        break;
    }
    if (const std::string same = SamePlace(); !same.empty()) return Stop(same);
    return SmallerBatch();
  }

 private:
  static NextAttempt Stop(std::string why) {
    NextAttempt next;
    next.why_not = std::move(why);
    return next;
  }

  bool Tried(const std::string& base) const {
    return std::any_of(attempts_.begin(), attempts_.end(),
                       [&](const Attempt& attempt) { return attempt.base == base; });
  }

  // The batch is not what was too large: the same command once the others are gone, once.
  NextAttempt AfterOthers() const {
    NextAttempt next;
    if (last_.waited) return Stop("others hold the card again");
    const crashlog::OomEvent& death = *last_.death;
    const Bytes held = death.process_in_use ? *death.process_in_use
                       : death.reserved     ? *death.reserved
                                            : death.allocated.value_or(Bytes(0));
    next.wait_for = held + death.requested.value_or(Bytes(0));
    next.text = next.base = last_.base;
    next.forecasts = last_.forecasts;
    next.changes.emplace_back(
        "nothing: other processes held the memory that was missing, not this command");
    Resume(&next);
    return next;
  }

  // PyTorch held enough, in pieces: let it join them. Changes nothing of the training.
  std::optional<NextAttempt> JoinedSegments() const {
    const auto script = command::ReadLaunches(last_.base);
    const command::Launch* launch = Dead(script);
    if (launch == nullptr || launch->is_nanochat()) return std::nullopt;  // it does so itself
    constexpr const char* kNames[] = {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"};
    std::string name = kNames[0], before;
    for (const char* candidate : kNames) {
      const command::EnvironmentSetting* set = launch->FindEnvironment(candidate);
      const char* inherited = std::getenv(candidate);
      if (set == nullptr && inherited == nullptr) continue;
      if (set != nullptr && !set->value.text) return std::nullopt;  // nobody knows what it says
      name = candidate;
      before = set != nullptr ? *set->value.text : inherited;
      break;
    }
    if (Contains(before, "expandable_segments")) return std::nullopt;
    const std::string value = (before.empty() ? "" : before + ",") + "expandable_segments:True";
    const auto edited = command::SetEnvironment(script, *launch, name, value);
    if (!edited || Tried(edited->text)) return std::nullopt;
    NextAttempt next;
    next.text = next.base = edited->text;
    next.forecasts = last_.forecasts;
    next.changes.push_back(
        fmt::format("{}={}: PyTorch may join the pieces of its cache", name, value));
    Resume(&next);
    return next;
  }

  const command::Launch* Dead(const command::LaunchScript& script) const {
    for (const command::Launch& launch : script.launches) {
      if (ProgramStem(launch.program) == last_.died_program) return &launch;
    }
    return script.launches.size() == 1 ? &script.launches.front() : nullptr;
  }

  // Why a smaller batch is not worth another attempt: the last one changed nothing.
  std::string SamePlace() const {
    if (attempts_.size() < 2) return "";
    const Attempt& before = attempts_[attempts_.size() - 2];
    if (!before.changed_batch || !before.death || !last_.death) return "";
    const crashlog::OomEvent &a = *before.death, &b = *last_.death;
    if (!a.requested || !b.requested || !a.allocated || !b.allocated) return "";
    const auto moved = static_cast<double>(std::abs((*a.allocated - *b.allocated).count()));
    const bool same = a.phase == b.phase && *a.requested == *b.requested &&
                      moved <= 0.01 * static_cast<double>(a.allocated->count());
    if (!same) return "";
    return fmt::format(
        "with the smaller batch it died again at the same place ({}), asking for the same {} with "
        "as much allocated: the batch does not decide this",
        PhaseTitle(b.phase), FormatBytes(*b.requested));
  }

  Result<FixPlan> Correct(const MayChange& allow) const {
    auto source = SourceOfRun(last_.base, last_.output);
    if (!source) return tl::make_unexpected(source.error());
    FixArguments arguments;
    arguments.gpu = rules_.gpu;
    const auto card = FindFixCard(arguments, *source);
    FixRequest request;
    request.text = source->text;
    request.revision = rules_.revision;
    request.known = source->known;
    request.died = true;
    request.may_change = allow;
    const auto script = command::ReadLaunches(source->text);
    if (Dead(script) != nullptr) request.died_program = last_.died_program;
    if (card) {
      request.card = card->card;
      request.total = card->total;
      request.other_processes = card->other_processes;
    }
    return MakeFixPlan(request);
  }

  NextAttempt SmallerBatch() const {
    const auto plan = Correct(rules_.allow);
    if (!plan) return Stop(plan.error().message);
    NextAttempt next;
    next.forecasts = ForecastsOf(*plan, true);
    for (const FixedLaunch& launch : plan->launches) {
      for (const command::Change& change : launch.changes) {
        next.changes.push_back(Sentence(change));
      }
    }
    if (!plan->changed() || !plan->fits()) return Stop(WhyNoChange(*plan));
    next.changed_batch = true;
    next.text = next.base = plan->text;
    if (Tried(next.base)) return Stop("the corrected command was tried already");
    Resume(&next);
    return next;
  }

  // What stood in the way, and which leave would open it.
  std::string WhyNoChange(const FixPlan& plan) const {
    std::string why = "no change that keeps the training as it is makes it fit";
    for (const FixedLaunch& launch : plan.launches) {
      const bool stuck =
          launch.outcome == FixOutcome::kUnknown || launch.outcome == FixOutcome::kCannot;
      if (stuck && !launch.notes.empty()) {
        why = launch.notes.front();
        break;
      }
    }
    constexpr std::array<std::pair<const char*, bool MayChange::*>, 4> kLeaves = {{
        {"batch", &MayChange::batch},
        {"fp8", &MayChange::fp8},
        {"metrics", &MayChange::metrics},
        {"sequence", &MayChange::sequence},
    }};
    for (const auto& [name, leave] : kLeaves) {
      if (rules_.allow.*leave) continue;
      MayChange more = rules_.allow;
      more.*leave = true;
      const auto other = Correct(more);
      if (!other || !other->changed() || !other->fits()) continue;
      std::vector<std::string> changes;
      for (const FixedLaunch& launch : other->launches) {
        for (const command::Change& change : launch.changes) changes.push_back(Sentence(change));
      }
      return fmt::format("{}; with --allow {} it would be tried with {}", why, name,
                         Join(changes, ", "));
    }
    return why + "; vramcast fit names other ways";
  }

  // From the newest complete checkpoint that this run has written.
  void Resume(NextAttempt* next) const {
    if (!rules_.may_resume) return;
    const auto script = command::ReadLaunches(next->text);
    const command::Launch* launch = BaseTraining(script);
    if (launch == nullptr) return;
    const auto depth = launch->flags.depth ? launch->flags.depth : last_.output.nanochat.depth;
    const Saved saved =
        FindSaved(script, *launch, rules_.revision, depth, last_.last_step, ResultsFolder(*launch));
    if (!saved.checkpoint || !saved.command) return;
    // One of another, older run with the same name is not this run's.
    const auto written = WrittenAt(*saved.checkpoint);
    if (!written || *written < std::floor(attempts_.front().began)) return;
    next->text = *saved.command;
    next->saved_at = written;
    next->changes.push_back(fmt::format("resumes from step {}", saved.checkpoint->step));
  }

  const std::vector<Attempt>& attempts_;
  const Attempt& last_;
  const RunRules& rules_;
};

}  // namespace

std::vector<LaunchForecast> ForecastsOf(const FixPlan& plan, bool after) {
  std::vector<LaunchForecast> forecasts;
  for (const FixedLaunch& launch : plan.launches) {
    const auto& forecast = after ? launch.after : launch.before;
    if (forecast) forecasts.push_back({launch.program, *forecast});
  }
  return forecasts;
}

NextAttempt PlanNext(const std::vector<Attempt>& attempts, const RunRules& rules) {
  return Policy(attempts, rules).Plan();
}

}  // namespace vramcast::cli
