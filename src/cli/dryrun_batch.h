// The largest device batch size that lives, found by running the program: for `dryrun
// --bisect-batch` and `fit --exact`.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/verb.h"
#include "dryrun/bisect.h"
#include "forecast/fit.h"
#include "nanochat/revision.h"
#include "report/document.h"

namespace vramcast::cli {

constexpr auto kInterrupted = static_cast<Exit>(130);  // stopped from outside, as shells say it

// The device batch sizes that a command of nanochat's accepts, ascending; empty: any, or not known.
std::vector<int64_t> AcceptedBatches(const dryrun::Request& request);

// Runs what a forecast found, from that batch size on, in the checkout `folder`, without
// evaluation. With made-up data where NANOCHAT_BASE_DIR has none. kMachine if `folder` is no
// checkout.
Result<dryrun::LargestBatch> FindExactly(const forecast::Fit& fit, const forecast::Request& asked,
                                         const nanochat::Revision& revision,
                                         const std::string& folder, Output& output);

nlohmann::json TrialsJson(const dryrun::LargestBatch& found);
Paragraph StoppedSearch();  // what to say of a search that was asked to stop
void AddTrials(const dryrun::LargestBatch& found, Document* document);

}  // namespace vramcast::cli
