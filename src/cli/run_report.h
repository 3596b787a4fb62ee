// The report of `run`: what ran, what memory each phase took beside its forecast, what failed, what
// was changed, and what the failures cost in time.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/run_attempts.h"
#include "report/document.h"

namespace vramcast::cli {

struct RunStory {
  std::vector<Attempt> attempts;  // at least one
  std::string protection;         // what --protect-eval did; may be empty
  std::string why_no_more;        // why the last failure was not corrected; may be empty
  std::vector<std::string> notes;
  std::string difference;  // of a script that was corrected, as a unified difference

  bool finished() const { return attempts.back().outcome == Outcome::kFinished; }
  double lost() const;  // seconds
};

// Whether there is anything to report beyond a command that ran and ended well.
bool IsWorthTelling(const RunStory& story);

Document Describe(const RunStory& story);
nlohmann::json ToJson(const RunStory& story);

}  // namespace vramcast::cli
