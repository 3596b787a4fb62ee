// Before `run` starts anything: does the forecast say that the command cannot fit, and if so, shall
// it start all the same?
#pragma once

#include <string>
#include <vector>

#include "cli/fix_source.h"
#include "cli/run_attempts.h"
#include "cli/run_script.h"
#include "cli/verb.h"
#include "nanochat/revision.h"

namespace vramcast::cli {

struct StartRequest {
  const Asked& asked;
  const FixArguments& arguments;  // what names the card and the revision
  bool force = false;
  bool protect = false;  // --protect-eval
  bool may_ask = true;   // on a terminal
  bool explain = false;
};

struct StartDecision {
  bool starts = true;
  std::string why_not;
  std::string text;  // to start: what was asked for, or that with its protection
  std::vector<LaunchForecast> forecasts;
  std::string protection;  // what --protect-eval did; may be empty
  nanochat::Revision revision;
};

// What cannot be forecast is started. Says on `output` what does not fit, and asks there.
StartDecision DecideStart(const StartRequest& request, Output& output);

}  // namespace vramcast::cli
