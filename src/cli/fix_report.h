// The answer of `fix`, as text and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/fix_plan.h"
#include "cli/fix_saved.h"
#include "cli/fix_source.h"
#include "report/document.h"

namespace vramcast::cli {

struct FixAnswer {
  FixSource source;
  FixRevision revision;
  FixCard card;
  FixPlan plan;
  std::optional<Saved> saved;  // of the run that died, or of the first training run
  std::string difference;      // of a script
  std::string written_to;      // --in-place wrote here; the original is beside it
};

Document Describe(const FixAnswer& answer, bool explain);
nlohmann::json ToJson(const FixAnswer& answer);

}  // namespace vramcast::cli
