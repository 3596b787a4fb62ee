// What a change of nanochat's code would save: each that is written for the revision
// (nanochat/code_patch.h), proven or not, forecast with the same flags on the same card, and the
// largest batch that would then fit.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "forecast/forecast.h"
#include "nanochat/code_patch.h"

namespace vramcast::forecast {

CodeChanges ChangesOf(std::span<const nanochat::CodePatch> patches);

struct CodeRemedy {
  std::vector<nanochat::CodePatch> patches;
  std::string names;        // as fix --patch takes them: "checkpoint,chunked-loss"
  std::string description;  // what it does, one sentence without a full stop
  Forecast forecast;        // of the request with the change
  Bytes saved;              // of the peak that PyTorch allocates
  // The largest device batch size that would fit; nothing without a card, or if none would.
  std::optional<int64_t> largest_batch;

  bool proven = false;  // by a dry run: only then fix --patch offers it

  bool changes_training() const;
};

// Largest saving first; only what saves something. Empty if the request is no run that could be
// forecast.
std::vector<CodeRemedy> CodeRemedies(const Request& request);

// The command that shows the change, to be run in the checkout; empty if it is not proven.
std::string PatchCommand(const CodeRemedy& remedy);

}  // namespace vramcast::forecast
