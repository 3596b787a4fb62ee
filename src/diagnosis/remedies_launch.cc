// The command of the run that died, with only the flags changed that have to be.
#include <fmt/format.h>

#include <span>
#include <utility>

#include "base/text.h"
#include "command/edit.h"
#include "diagnosis/remedies.h"
#include "forecast/code_remedies.h"
#include "nanochat/flags.h"

namespace vramcast::diagnosis {
namespace {

using command::EditKind;
using command::FlagEdit;
using crashlog::Pattern;

std::string Apply(const Job& job, std::span<const FlagEdit> edits) {
  const auto edited = command::EditLaunch(job.script, job.launch(), edits);
  return edited ? edited->text : std::string();
}

class Nanochat {
 public:
  Nanochat(const Case& c, const Job& job, std::vector<Remedy>& remedies)
      : c_(c), job_(job), remedies_(remedies) {}

  void Correct() {
    if (c_.event->pattern == Pattern::kEvaluation) {
      SkipEvaluation();
    }
    if (job_.fit && job_.fit->device_batch_size) {
      SmallerBatch(*job_.fit->device_batch_size);
    } else if (job_.fit) {
      SmallerJob();
    } else if (!c_.loading_weights) {
      HalfTheBatch();
    }
    ChangeCode();
    if (remedies_.empty()) {
      AdviseNanochat(c_, remedies_);
    }
  }

 private:
  // The edit that sets a flag, if the script of this revision has it.
  std::optional<FlagEdit> Set(std::string_view name, std::string value) const {
    const nanochat::Stage stage = *job_.launch().stage;
    if (!job_.revision || !nanochat::FindFlag(*job_.revision, nanochat::ScriptOf(stage), name)) {
      return std::nullopt;
    }
    return FlagEdit{EditKind::kSet, std::string(name), std::move(value),
                    nanochat::Spell(*job_.revision, nanochat::ScriptOf(stage), name)};
  }

  void Offer(std::string action, std::span<const FlagEdit> edits,
             std::optional<forecast::Forecast> outlook) {
    std::string text = Apply(job_, edits);
    if (!text.empty()) {
      remedies_.push_back({std::move(action), std::move(text), std::move(outlook)});
    }
  }

  void SmallerBatch(int64_t batch) {
    const int64_t now = job_.forecast->device_batch_size;
    if (batch >= now) {
      if (!c_.loading_weights && c_.event->pattern != Pattern::kEvaluation) {
        HalfTheBatch();
      }
      return;
    }
    const auto edit = Set("device_batch_size", std::to_string(batch));
    if (!edit) {
      return;
    }
    const auto& fit = *job_.fit;
    Offer(
        fmt::format("use {}={} instead of {}: the largest that fits{}", edit->spelling, batch, now,
                    fit.total_batch_size
                        ? fmt::format("; the total batch stays {} tokens, in {} accumulation "
                                      "step{}",
                                      WithThousands(*fit.total_batch_size), fit.grad_accum_steps,
                                      fit.grad_accum_steps == 1 ? "" : "s")
                        : ""),
        std::span(&*edit, 1), fit.forecast);
  }

  void HalfTheBatch() {
    const auto& flags = job_.launch().flags;
    const std::optional<int64_t> now = flags.device_batch_size ? flags.device_batch_size
                                       : job_.forecast
                                           ? std::optional(job_.forecast->device_batch_size)
                                           : std::nullopt;
    if (!now || *now < 2) {
      return;
    }
    const auto edit = Set("device_batch_size", std::to_string(*now / 2));
    if (!edit) {
      return;
    }
    Offer(fmt::format("halve the device batch size ({} to {}); gradient accumulation makes up for "
                      "it, the total batch stays{}",
                      *now, *now / 2,
                      job_.explains == Explains::kNo
                          ? ". By the forecast the old one fits, so look at the cause first"
                          : ""),
          std::span(&*edit, 1), std::nullopt);
  }

  void SmallerJob() {
    for (const forecast::Alternative& alternative : job_.fit->alternatives) {
      std::vector<FlagEdit> edits;
      auto changed = [&](std::string_view name, const std::optional<int64_t>& value) {
        if (!value) {
          return;
        }
        if (auto edit = Set(name, std::to_string(*value))) {
          edits.push_back(std::move(*edit));
        }
      };
      using Kind = forecast::Alternative::Kind;
      if (alternative.kind == Kind::kSequenceLength || alternative.kind == Kind::kDepth) {
        changed(alternative.kind == Kind::kDepth ? "depth" : "max_seq_len",
                alternative.kind == Kind::kDepth ? alternative.flags.depth
                                                 : alternative.flags.max_seq_len);
        changed("device_batch_size", alternative.flags.device_batch_size);
        Offer("not even a device batch of 1 fits; this does: " + alternative.description, edits,
              alternative.forecast);
      } else if (!alternative.needs_code_change) {
        remedies_.push_back(
            {"or keep the model: " + alternative.description, "", alternative.forecast});
      }
    }
  }

  // With the command as it was: the change that makes it fit and costs least, which is the smallest
  // saving that is enough; where none is, the largest.
  void ChangeCode() {
    if (!job_.request || job_.explains == Explains::kNo) {
      return;
    }
    const std::vector<forecast::CodeRemedy> all = forecast::CodeRemedies(*job_.request);
    const forecast::CodeRemedy* best = nullptr;
    for (const forecast::CodeRemedy& remedy : all) {
      const bool fits = remedy.forecast.fits.value_or(false);
      if (!remedy.proven || remedy.changes_training() || (best != nullptr && !fits)) {
        continue;
      }
      best = &remedy;
    }
    if (best == nullptr) {
      return;
    }
    const bool fits = best->forecast.fits.value_or(false);
    remedies_.push_back(
        {fmt::format("or change nanochat's code: {} saves {} of the peak{}{} (run it in the "
                     "checkout; it shows the change, and --in-place makes it)",
                     best->names, FormatBytes(best->saved),
                     fits ? ", and the batch can stay" : ", which alone is not enough",
                     best->largest_batch
                         ? fmt::format("; the largest batch is then {}", *best->largest_batch)
                         : ""),
         forecast::PatchCommand(*best), best->forecast});
  }

  // nanochat has no flag for the batch of an evaluation: the loss uses the training batch, CORE the
  // examples as they come. What can be done is to do without, or to make the training batch
  // smaller.
  void SkipEvaluation() {
    const bool core = c_.event->phase == Phase::kCoreMetric;
    const bool sampling = c_.event->phase == Phase::kSampling;
    const auto edit = Set(core       ? "core_metric_every"
                          : sampling ? "sample_every"
                                     : "eval_every",
                          "-1");
    if (edit) {
      Offer(fmt::format("train without it ({}=-1){}", edit->spelling,
                        core ? " and evaluate the checkpoint afterwards, on an empty card: CORE's "
                               "batches come from its examples, no flag makes them smaller"
                             : ""),
            std::span(&*edit, 1), std::nullopt);
    }
  }

  const Case& c_;
  const Job& job_;
  std::vector<Remedy>& remedies_;
};

// Another trainer: half the batch of a device, twice the accumulation, by the flags it was given.
void CorrectTrainer(const Case& c, const Job& job, std::vector<Remedy>& remedies) {
  const command::Launch& launch = job.launch();
  const bool evaluation = c.event->pattern == Pattern::kEvaluation;
  const command::FlagUse* batch = evaluation ? launch.FindRole(command::Role::kEvalBatch) : nullptr;
  if (batch == nullptr) {
    batch = launch.FindRole(command::Role::kDeviceBatch);
  }
  if (batch == nullptr || !batch->value || !batch->value->text) {
    return;
  }
  const auto now = ParseInt(*batch->value->text);
  if (!now || *now < 2 || c.loading_weights) {
    return;
  }
  std::vector<FlagEdit> edits = {
      {EditKind::kSet, batch->name, std::to_string(*now / 2), batch->spelling}};
  const command::FlagUse* accumulation = launch.FindRole(command::Role::kGradAccum);
  std::string note;
  if (accumulation != nullptr && accumulation->value && accumulation->value->text) {
    if (const auto steps = ParseInt(*accumulation->value->text)) {
      edits.push_back(
          {EditKind::kSet, accumulation->name, std::to_string(*steps * 2), accumulation->spelling});
      note = " and accumulate twice as often, so that training stays the same";
    }
  }
  std::string text = Apply(job, edits);
  if (!text.empty()) {
    remedies.push_back(
        {fmt::format("use {} {} instead of {}{}", batch->spelling, *now / 2, *now, note),
         std::move(text),
         {}});
  }
}

}  // namespace

void CorrectLaunch(const Case& c, Cause cause, const Job& job, std::vector<Remedy>& remedies) {
  if (cause != Cause::kCapacity && cause != Cause::kRequestTooLarge && cause != Cause::kUnknown) {
    return;
  }
  if (job.launch().is_nanochat()) {
    Nanochat(c, job, remedies).Correct();
  } else {
    CorrectTrainer(c, job, remedies);
  }
}

}  // namespace vramcast::diagnosis
