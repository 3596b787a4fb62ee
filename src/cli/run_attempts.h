// The attempts of `run`: each with its command, how it ended and what was changed after it. The
// rules of what may be tried next stand here: never the same command twice, never more than asked
// for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/fix_plan.h"
#include "diagnosis/diagnosis.h"
#include "nanochat/revision.h"
#include "supervise/child.h"

namespace vramcast::cli {

struct Attempt {
  std::string command;
  supervise::Ended ended;
  bool out_of_memory = false;        // of the GPU
  std::string cause;                 // of the diagnosis' first finding: "capacity"
  std::string summary;               // what happened, one sentence; empty if it ended well
  std::vector<std::string> changes;  // what the next attempt does differently; empty: none follows
  std::vector<std::string> snapshots;  // memory snapshots that it left
};

struct NextAttempt {
  std::string command;               // empty: nothing more can be tried
  std::vector<std::string> changes;  // sentences
  std::string why_not;               // of an empty command
};

struct RunRules {
  nanochat::Revision revision;
  std::string gpu;         // as the person named it; may be empty
  bool may_resume = true;  // from checkpoints written since the first attempt began
  int64_t began = 0;       // of the first attempt, seconds since 1970
};

// What to try after `attempts`, whose last one died for want of GPU memory with `log_file` as the
// end of its output. Errors are those of reading the log and planning.
Result<NextAttempt> Next(const std::vector<Attempt>& attempts, const RunRules& rules,
                         const std::string& log_file);

}  // namespace vramcast::cli
