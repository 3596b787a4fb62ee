#include "cli/fix_plan.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "cli/inheritance.h"
#include "command/dialect.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {

using command::EditKind;
using command::FlagEdit;
using command::Launch;
using command::LaunchScript;
using command::Role;
using nanochat::Flags;
using nanochat::Stage;

// For a search where no card is known: every batch size that the rules allow.
constexpr Bytes kNoLimit = Bytes(int64_t{1} << 50);

class Planner {
 public:
  explicit Planner(const FixRequest& request)
      : request_(request), inherited_(request.revision, request.known), text_(request.text) {}

  Result<FixPlan> Plan() {
    // Launches keep their places in the list while their text changes, so each is edited in a
    // fresh reading of what the ones before it left.
    const LaunchScript script = command::ReadLaunches(text_);
    const size_t count = script.launches.size();
    of_nanochat_ = command::FirstOfNanochat(script.launches) != nullptr;
    if (count == 0) return UsageError("there is no command here that starts a Python program");
    for (size_t i = 0; i < count; ++i) {
      if (const Status status = PlanOne(i); !status) return tl::make_unexpected(status.error());
    }
    plan_.text = text_;
    return std::move(plan_);
  }

 private:
  Status PlanOne(size_t i) {
    LaunchScript script = command::ReadLaunches(text_);
    const Launch& launch = script.launches[i];
    FixedLaunch fixed;
    fixed.line = launch.line;
    fixed.program = launch.program;
    fixed.stage = launch.stage;
    if (!launch.stage) {
      inherited_.Learn(launch);
      return PlanOther(script, launch, std::move(fixed));
    }
    const command::Translation translation = command::Translate(launch, request_.revision);
    fixed.notes = translation.notes;
    if (!translation.edits.empty()) {
      if (auto status = Edit(script, launch, translation.edits, fixed); !status) return status;
      fixed.reasons = translation.reasons;
      script = command::ReadLaunches(text_);
    }
    return PlanNanochat(script, script.launches[i], std::move(fixed));
  }

  Status PlanNanochat(const LaunchScript& script, const Launch& launch, FixedLaunch fixed) {
    fixed.notes.insert(fixed.notes.end(), launch.notes.begin(), launch.notes.end());
    forecast::Request request = RequestFor(launch);
    auto before = forecast::Make(request);
    if (!before) return tl::make_unexpected(before.error());
    fixed.before = std::move(*before);
    fixed.after = fixed.before;
    const bool died = Died(launch);
    const bool unknown = !fixed.before->fits && died;
    if ((fixed.before->fits.value_or(false) || unknown) && !fixed.before->refused) {
      if (died) return StepDown(script, launch, std::move(request), std::move(fixed));
      fixed.outcome = fixed.changes.empty() ? FixOutcome::kFits : FixOutcome::kFixed;
      Finish(request.flags, std::move(fixed));
      return {};
    }
    return FindFit(script, launch, std::move(request), std::move(fixed));
  }

  Status FindFit(const LaunchScript& script, const Launch& launch, forecast::Request request,
                 FixedLaunch fixed) {
    fixed.code_changes = forecast::CodeRemedies(request);
    std::vector<FlagEdit> edits;
    const auto plain = request_.may_change.fp8 ? WithoutFp8(request, *fixed.before) : std::nullopt;
    if (plain) {
      edits.push_back({EditKind::kRemove, "fp8", "", ""});
      fixed.reasons.push_back("nanochat cannot run --fp8 as it is asked for on this card");
      request.flags.fp8.reset();
      if (plain->fits.value_or(false)) {
        if (auto status = Edit(script, launch, edits, fixed); !status) return status;
        fixed.after = *plain;
        fixed.outcome = FixOutcome::kFixed;
        Finish(request.flags, std::move(fixed));
        return {};
      }
    }
    auto fit = forecast::FindBatch(request);
    if (!fit) return tl::make_unexpected(fit.error());
    if (!fit->device_batch_size) {
      // A metric of fixed shape can be what does not fit: training without it may.
      forecast::Request without = request;
      if (request_.may_change.metrics && SkipsCore(launch, *fit)) {
        without.flags.core_metric_every = -1;
        auto second = forecast::FindBatch(without);
        if (!second) return tl::make_unexpected(second.error());
        if (second->device_batch_size) {
          edits.push_back(Set(launch, "core_metric_every", "-1"));
          fixed.reasons.push_back(
              "the CORE metric does not fit beside the training state at any batch size; -1 leaves "
              "it out, and scripts.base_eval can compute it afterwards");
          request = without;
          fit = std::move(second);
        }
      }
    }
    if (!fit->device_batch_size && request_.may_change.sequence) {
      if (const forecast::Alternative* shorter = ShorterSequence(*fit)) {
        return Shorten(script, launch, *shorter, std::move(fixed));
      }
    }
    const std::optional<std::string> batch = BatchFlag(launch);
    if (!fit->device_batch_size || !batch) {
      fixed.outcome = FixOutcome::kCannot;
      fixed.alternatives = std::move(fit->alternatives);
      if (fit->device_batch_size) {
        fixed.notes.push_back("it would fit with a device batch size of " +
                              std::to_string(*fit->device_batch_size) + ", but " +
                              command::ModuleOf(launch.program) + " of nanochat " +
                              request_.revision.ShortCommit() + " has no flag for that");
      }
      fixed.notes.insert(fixed.notes.end(), fit->notes.begin(), fit->notes.end());
      Finish(request.flags, std::move(fixed));
      return {};
    }
    edits.push_back(Set(launch, *batch, std::to_string(*fit->device_batch_size)));
    if (auto status = Edit(script, launch, edits, fixed); !status) return status;
    fixed.reasons.push_back(Reason(*fixed.before, *fit));
    fixed.notes.insert(fixed.notes.end(), fit->notes.begin(), fit->notes.end());
    fixed.after = fit->forecast;
    fixed.outcome = FixOutcome::kFixed;
    Finish(fit->flags, std::move(fixed));
    return {};
  }

  static const forecast::Alternative* ShorterSequence(const forecast::Fit& fit) {
    for (const forecast::Alternative& alternative : fit.alternatives) {
      const bool fits = alternative.forecast.fits.value_or(false);
      if (alternative.kind == forecast::Alternative::Kind::kSequenceLength && fits &&
          !alternative.needs_code_change && alternative.flags.max_seq_len) {
        return &alternative;
      }
    }
    return nullptr;
  }

  Status Shorten(const LaunchScript& script, const Launch& launch,
                 const forecast::Alternative& shorter, FixedLaunch fixed) {
    std::vector<FlagEdit> edits = {
        Set(launch, "max_seq_len", std::to_string(*shorter.flags.max_seq_len))};
    const auto batch = BatchFlag(launch);
    if (batch && shorter.flags.device_batch_size) {
      edits.push_back(Set(launch, *batch, std::to_string(*shorter.flags.device_batch_size)));
    }
    if (auto status = Edit(script, launch, edits, fixed); !status) return status;
    fixed.reasons.push_back("not even one sequence of the length asked for fits");
    fixed.after = shorter.forecast;
    fixed.outcome = FixOutcome::kFixed;
    Finish(shorter.flags, std::move(fixed));
    return {};
  }

  // Whether this is the launch of which it is known that it died.
  bool Died(const Launch& launch) const {
    return request_.died && (request_.died_program.empty() ||
                             ProgramStem(launch.program) == ProgramStem(request_.died_program));
  }

  // The forecast without --fp8, where that flag is what nanochat could not run with.
  static std::optional<forecast::Forecast> WithoutFp8(forecast::Request request,
                                                      const forecast::Forecast& before) {
    if (!before.refused || !request.flags.fp8.value_or(false)) return std::nullopt;
    request.flags.fp8.reset();
    const auto plain = forecast::Make(request);
    if (!plain || plain->refused) return std::nullopt;
    return *plain;
  }

  // It died although the forecast says that it fits: the next smaller batch size.
  Status StepDown(const LaunchScript& script, const Launch& launch, forecast::Request request,
                  FixedLaunch fixed) {
    const bool sized = request.card || request.total;
    if (!sized) request.total = kNoLimit;
    auto fit = forecast::FindBatch(request);
    if (!fit) return tl::make_unexpected(fit.error());
    if (!sized) request.total.reset();
    const int64_t died_with = fixed.before->device_batch_size;
    std::optional<int64_t> smaller;
    for (const forecast::Candidate& candidate : fit->candidates) {
      if (candidate.fits && candidate.device_batch_size < died_with) {
        smaller = std::max(smaller.value_or(0), candidate.device_batch_size);
      }
    }
    const std::optional<std::string> batch = BatchFlag(launch);
    if (fixed.before->fits) {
      fixed.notes.push_back(
          "the log shows that this command ran out of GPU memory, though by the forecast it fits; "
          "vramcast diagnose tells what else can be the cause");
    }
    if (!smaller || !batch) {
      fixed.outcome = FixOutcome::kCannot;
      Finish(request.flags, std::move(fixed));
      return {};
    }
    request.flags.device_batch_size = smaller;
    auto after = forecast::Make(request);
    if (!after) return tl::make_unexpected(after.error());
    const std::vector<FlagEdit> edits = {Set(launch, *batch, std::to_string(*smaller))};
    if (auto status = Edit(script, launch, edits, fixed); !status) return status;
    fixed.reasons.push_back("the next smaller device batch size that keeps the total");
    fixed.after = std::move(*after);
    fixed.outcome = FixOutcome::kFixed;
    Finish(request.flags, std::move(fixed));
    return {};
  }

  // A program that is not nanochat's: no forecast, but half the batch and twice the accumulation
  // keep what a step learns from.
  Status PlanOther(const LaunchScript& script, const Launch& launch, FixedLaunch fixed) {
    const command::FlagUse* batch = launch.FindRole(Role::kDeviceBatch);
    const bool known = batch != nullptr && batch->value && batch->value->text;
    const auto size = known ? ParseInt(*batch->value->text) : std::nullopt;
    if (!size && of_nanochat_) return {};  // one of its tools, which take no GPU
    if (request_.died && !Died(launch)) return {};
    if (!size || *size <= 1) {
      fixed.outcome = FixOutcome::kUnknown;
      fixed.notes.push_back(size ? batch->spelling + " is " + std::to_string(*size) + " already"
                                 : "no flag of " + launch.program +
                                       " here is known to set a batch size");
      plan_.launches.push_back(std::move(fixed));
      return {};
    }
    const command::FlagUse* accumulation = launch.FindRole(Role::kGradAccum);
    const bool doubled = *size % 2 == 0 && accumulation != nullptr && accumulation->value &&
                         accumulation->value->text && ParseInt(*accumulation->value->text);
    if (!doubled && !request_.may_change.batch) {
      fixed.outcome = FixOutcome::kUnknown;
      fixed.notes.push_back("a smaller " + batch->spelling + " of " + launch.program +
                            " would change how many examples a step learns from");
      plan_.launches.push_back(std::move(fixed));
      return {};
    }
    std::vector<FlagEdit> edits = {
        {EditKind::kSet, batch->name, std::to_string(*size / 2), batch->spelling}};
    if (doubled) {
      const int64_t steps = *ParseInt(*accumulation->value->text);
      edits.push_back({EditKind::kSet, accumulation->name, std::to_string(steps * 2), ""});
    }
    if (auto status = Edit(script, launch, edits, fixed); !status) return status;
    fixed.reasons.push_back(doubled
                                ? "half the batch on each GPU and twice the accumulation: a step "
                                  "sees as many examples as before"
                                : "half the batch on each GPU; a step now sees half as many "
                                  "examples, unless gradient accumulation is doubled too");
    fixed.notes.push_back("vramcast has no model of " + launch.program +
                          ": whether half is enough is not forecast");
    fixed.outcome = FixOutcome::kHalved;
    plan_.launches.push_back(std::move(fixed));
    return {};
  }

  Status Edit(const LaunchScript& script, const Launch& launch, const std::vector<FlagEdit>& edits,
              FixedLaunch& fixed) {
    auto edited = command::EditLaunch(script, launch, edits);
    if (!edited) return tl::make_unexpected(edited.error());
    text_ = std::move(edited->text);
    for (command::Change& change : edited->changes) fixed.changes.push_back(std::move(change));
    return {};
  }

  FlagEdit Set(const Launch& launch, std::string_view name, std::string value) const {
    return {EditKind::kSet, std::string(name), std::move(value),
            nanochat::Spell(request_.revision, command::ModuleOf(launch.program), name)};
  }

  // The name of the flag that sets the batch of this launch's script; nothing if it has none.
  std::optional<std::string> BatchFlag(const Launch& launch) const {
    return nanochat::BatchFlagOf(request_.revision, command::ModuleOf(launch.program));
  }

  bool SkipsCore(const Launch& launch, const forecast::Fit& fit) const {
    return launch.stage == Stage::kBase && fit.forecast.dies_in == Phase::kCoreMetric &&
           request_.revision.family->minus_one_skips_core;
  }

  forecast::Request RequestFor(const Launch& launch) {
    forecast::Request request;
    request.flags = launch.flags;
    request.flags.revision = request_.revision.commit;
    request.flags_origin = "launch command";
    request.card = request_.card;
    request.total = request_.total;
    request.other_processes = request_.other_processes;
    request.margin = request_.margin;
    if (launch.stage == Stage::kBase) UseKnown(&request.flags);
    inherited_.Fill(launch, &request.flags);
    return request;
  }

  // What the run printed stands for a variable that the command does not tell.
  void UseKnown(Flags* flags) const {
    const auto use = [&](auto field) {
      if (!(flags->*field)) flags->*field = request_.known.*field;
    };
    use(&Flags::depth);
    use(&Flags::aspect_ratio);
    use(&Flags::head_dim);
    use(&Flags::max_seq_len);
    use(&Flags::window_pattern);
    use(&Flags::vocab_size);
    use(&Flags::device_batch_size);
    use(&Flags::total_batch_size);
  }

  void Finish(const Flags& flags, FixedLaunch fixed) {
    for (const std::string& warning : fixed.after->warnings) {
      if (std::find(fixed.notes.begin(), fixed.notes.end(), warning) == fixed.notes.end()) {
        fixed.notes.push_back(warning);
      }
    }
    if (fixed.stage == Stage::kBase) {
      inherited_.Train(flags, fixed.after->device_batch_size, fixed.after->total_batch_size);
    }
    plan_.launches.push_back(std::move(fixed));
  }

  static std::string Reason(const forecast::Forecast& before, const forecast::Fit& fit) {
    if (before.refused && !before.dies_in) return "nanochat would refuse what was asked for";
    std::string reason = "the largest device batch size that fits in every phase";
    if (before.dies_in) {
      reason += "; it was too large in the phase: " + std::string(PhaseTitle(*before.dies_in));
    }
    if (fit.total_batch_size.value_or(0) > 0) {
      reason += "; the total batch size stays " + WithThousands(*fit.total_batch_size) + " (" +
                std::to_string(fit.grad_accum_steps) + " gradient accumulation step" +
                (fit.grad_accum_steps == 1 ? ")" : "s)");
    }
    return reason;
  }

  const FixRequest& request_;
  Inheritance inherited_;
  std::string text_;
  bool of_nanochat_ = false;
  FixPlan plan_;
};

}  // namespace

std::string ProgramStem(std::string_view program) {
  if (program.ends_with(".py")) program.remove_suffix(3);
  const size_t cut = program.find_last_of("./");
  return std::string(cut == std::string_view::npos ? program : program.substr(cut + 1));
}

bool FixPlan::changed() const {
  return std::any_of(launches.begin(), launches.end(),
                     [](const FixedLaunch& launch) { return !launch.changes.empty(); });
}

bool FixPlan::fits() const {
  return std::none_of(launches.begin(), launches.end(), [](const FixedLaunch& launch) {
    return launch.outcome == FixOutcome::kCannot || launch.outcome == FixOutcome::kUnknown;
  });
}

Result<FixPlan> MakeFixPlan(const FixRequest& request) { return Planner(request).Plan(); }

}  // namespace vramcast::cli
