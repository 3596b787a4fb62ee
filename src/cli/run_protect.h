// `run --protect-eval`: a phase that the forecast thinks unsafe (evaluation, the CORE metric,
// sampling) comes hours after the start. Where nanochat can save in between, it is made to save
// just before.
#pragma once

#include <optional>
#include <string>

#include "cli/fix_plan.h"
#include "forecast/forecast.h"
#include "gpu/card.h"
#include "nanochat/revision.h"

namespace vramcast::cli {

struct Protection {
  // The unsafe phases can only cost what was done since a checkpoint.
  bool holds = false;
  std::string text;      // of the launch or script, with what was added; else as it was
  std::string sentence;  // what was done, or why nothing could be; empty: nothing is unsafe
};

// `text`: a command or script; `forecast`: of its first base training.
Protection Protect(const std::string& text, const forecast::Forecast& forecast,
                   const nanochat::Revision& revision, const std::optional<gpu::Card>& card);

}  // namespace vramcast::cli
