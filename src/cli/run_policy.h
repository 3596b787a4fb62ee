// What `run` may try after an attempt that died for want of GPU memory: never the same
// configuration twice, never a change that alters the training but with leave, and nothing at all
// where the memory that was missing is not the command's own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/fix_plan.h"
#include "cli/run_attempts.h"
#include "nanochat/revision.h"

namespace vramcast::cli {

struct RunRules {
  nanochat::Revision revision;
  std::string gpu;         // as the person named it; may be empty
  bool may_resume = true;  // from checkpoints written since the first attempt began
  MayChange allow = {.batch = false, .fp8 = false, .metrics = false, .sequence = false};
};

struct NextAttempt {
  std::string text;  // to start; empty: nothing more can be tried
  std::string base;  // as Attempt has it
  std::vector<LaunchForecast> forecasts;
  std::vector<std::string> changes;  // sentences
  bool changed_batch = false;
  // What other processes must leave free on the card before `text` is started again.
  std::optional<Bytes> wait_for;
  std::optional<double> saved_at;  // when the checkpoint was written that it resumes from
  std::string why_not;             // of an empty text
};

// The last of `attempts` died for want of GPU memory.
NextAttempt PlanNext(const std::vector<Attempt>& attempts, const RunRules& rules);

// The forecasts of a plan's launches that have one.
std::vector<LaunchForecast> ForecastsOf(const FixPlan& plan, bool after);

}  // namespace vramcast::cli
