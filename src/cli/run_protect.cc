#include "cli/run_protect.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "command/dialect.h"
#include "command/edit.h"
#include "command/launch.h"
#include "nanochat/flags.h"
#include "nanochat/plan.h"
#include "nanochat/run_config.h"

namespace vramcast::cli {
namespace {

using nanochat::Action;
using nanochat::PlannedAction;

// Where the number of steps is not known: what a run may lose at most.
constexpr int64_t kUsualInterval = 250;

std::optional<Phase> PhaseOf(Action action) {
  switch (action) {
    case Action::kEvaluateLoss:
      return Phase::kEvaluation;
    case Action::kCoreMetric:
      return Phase::kCoreMetric;
    case Action::kSample:
      return Phase::kSampling;
    default:
      return std::nullopt;
  }
}

// The allocator gives its cache back before it dies, so what is allocated decides; the forecast's
// own judgement of where it dies counts too.
bool IsUnsafe(const forecast::PhasePeak& phase, const forecast::Forecast& forecast) {
  if (!forecast.capacity) return false;
  const Bytes beside = forecast.device_interval.high - forecast.peak_reserved;
  return forecast.dies_in == phase.phase ||
         phase.allocated + beside > *forecast.capacity - forecast.margin;
}

// The first step at which an unsafe phase comes; kLastStep where it only comes at the end of a run
// whose length is not known.
struct Risk {
  Phase phase;
  int64_t step;
};

std::optional<Risk> FirstRisk(const nanochat::RunConfig& config, const std::vector<Phase>& unsafe) {
  std::optional<Risk> at_the_end;
  for (const PlannedAction& action : nanochat::PlanOf(config)) {
    const auto phase = PhaseOf(action.action);
    if (!phase || std::find(unsafe.begin(), unsafe.end(), *phase) == unsafe.end()) continue;
    if (action.step != PlannedAction::kLastStep) return Risk{*phase, action.step};
    if (!at_the_end) at_the_end = Risk{*phase, action.step};
  }
  return at_the_end;
}

const command::Launch* BaseTraining(const command::LaunchScript& script) {
  for (const command::Launch& launch : script.launches) {
    if (launch.stage == nanochat::Stage::kBase) return &launch;
  }
  return nullptr;
}

Protection Cannot(const std::string& text, std::string why) {
  return {.text = text, .sentence = "nothing protects it: " + std::move(why)};
}

}  // namespace

Protection Protect(const std::string& text, const forecast::Forecast& forecast,
                   const nanochat::Revision& revision, const std::optional<gpu::Card>& card) {
  std::vector<Phase> unsafe;
  for (const forecast::PhasePeak& phase : forecast.phases) {
    if (IsUnsafe(phase, forecast)) unsafe.push_back(phase.phase);
  }
  if (unsafe.empty()) return {.text = text};
  for (const Phase phase : unsafe) {
    const bool later =
        phase == Phase::kEvaluation || phase == Phase::kCoreMetric || phase == Phase::kSampling;
    if (!later) {
      return Cannot(text, fmt::format("the {} itself may not fit", PhaseTitle(phase)));
    }
  }
  const auto script = command::ReadLaunches(text);
  const command::Launch* launch = BaseTraining(script);
  if (launch == nullptr) return Cannot(text, "only base training of nanochat saves on the way");
  const std::string module = command::ModuleOf(launch->program);
  if (!nanochat::FindFlag(revision, module, "save_every") || !revision.family->can_resume) {
    return Cannot(
        text, fmt::format("nanochat {} saves after the last step only", revision.ShortCommit()));
  }
  std::optional<int> capability;
  if (card && card->capability) {
    capability = card->capability->major * 10 + card->capability->minor;
  }
  const auto config =
      nanochat::Resolve(launch->flags, revision, nanochat::Stage::kBase, capability);
  if (!config) return Cannot(text, config.error().message);
  const auto risk = FirstRisk(*config, unsafe);
  if (!risk) return {.text = text};
  const int64_t start = std::max<int64_t>(0, *config->resume_from_step);
  const bool known = risk->step != PlannedAction::kLastStep;
  if (known && risk->step <= start + 1) {
    return Cannot(text, fmt::format("the {} comes at step {}, before there is anything to save",
                                    PhaseTitle(risk->phase), risk->step));
  }
  // A save of the same step comes after it, so the last step before it is the latest that helps.
  const int64_t interval = known ? risk->step - 1 : kUsualInterval;
  const std::string flag = nanochat::Spell(revision, module, "save_every");
  const std::string when = known ? fmt::format("at step {}", risk->step) : "after the last step";
  const int64_t given = *config->save_every;
  if (given > 0 && given <= interval) {
    return {.holds = true,
            .text = text,
            .sentence = fmt::format("the {} {} may not fit; {}={} saves before it",
                                    PhaseTitle(risk->phase), when, flag, given)};
  }
  const std::vector<command::FlagEdit> edits = {
      {command::EditKind::kSet, "save_every", std::to_string(interval), flag}};
  auto edited = command::EditLaunch(script, *launch, edits);
  if (!edited) return Cannot(text, edited.error().message);
  return {.holds = true,
          .text = std::move(edited->text),
          .sentence = fmt::format("the {} {} may not fit, so {}={} was added: {}",
                                  PhaseTitle(risk->phase), when, flag, interval,
                                  known ? "the step before it is saved"
                                        : fmt::format("{} steps are lost at most", interval))};
}

}  // namespace vramcast::cli
