#include "forecast/code_remedies.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "forecast/fit.h"
#include "forecast/resolve.h"

namespace vramcast::forecast {

using nanochat::CodeChange;
using nanochat::CodePatch;

namespace {

// What is worth a look: each change alone, checkpointing in two strengths, and what training at the
// edge of a card takes together.
const std::vector<std::vector<CodePatch>>& Choices() {
  static const std::vector<std::vector<CodePatch>> all = {
      {{CodeChange::kCheckpoint, 1}}, {{CodeChange::kCheckpoint, 2}},
      {{CodeChange::kChunkedLoss}},   {{CodeChange::kReleaseStaging}},
      {{CodeChange::kBf16States}},    {{CodeChange::kCheckpoint, 1}, {CodeChange::kChunkedLoss}},
  };
  return all;
}

std::string Describe(std::span<const CodePatch> patches) {
  std::vector<std::string> parts;
  for (const CodePatch& patch : patches) {
    std::string part(nanochat::InfoOf(patch.change).title);
    if (patch.every > 1) part += ", for one block of " + std::to_string(patch.every);
    parts.push_back(std::move(part));
  }
  return Join(parts, "; ");
}

}  // namespace

CodeChanges ChangesOf(std::span<const CodePatch> patches) {
  CodeChanges changes;
  for (const CodePatch& patch : patches) {
    switch (patch.change) {
      case CodeChange::kCheckpoint:
        changes.checkpoint_every = patch.every;
        break;
      case CodeChange::kChunkedLoss:
        changes.chunked_loss = true;
        break;
      case CodeChange::kReleaseStaging:
        changes.release_staging = true;
        break;
      case CodeChange::kBf16States:
        changes.bf16_states = true;
        break;
    }
  }
  return changes;
}

bool CodeRemedy::changes_training() const {
  return std::any_of(patches.begin(), patches.end(), [](const CodePatch& patch) {
    return !nanochat::InfoOf(patch.change).consequence.empty();
  });
}

std::vector<CodeRemedy> CodeRemedies(const Request& request) {
  const Result<Job> job = ResolveJob(request);
  const Result<Forecast> plain = Make(request);
  if (!job || !plain) return {};
  std::vector<CodeRemedy> remedies;
  for (const std::vector<CodePatch>& patches : Choices()) {
    if (!nanochat::EditsFor(patches, job->family(), true)) continue;
    Request changed = request;
    changed.changes = ChangesOf(patches);
    Result<Forecast> forecast = Make(changed);
    if (!forecast || forecast->peak_allocated >= plain->peak_allocated) continue;
    // Changes together have to save more than each alone.
    const Bytes saved = plain->peak_allocated - forecast->peak_allocated;
    const auto as_much = [&](const CodeRemedy& other) { return other.saved >= saved; };
    if (patches.size() > 1 && std::any_of(remedies.begin(), remedies.end(), as_much)) continue;
    CodeRemedy remedy;
    remedy.patches = patches;
    // No dry run had fp8's own products inside a checkpointed stretch.
    const bool untried = *job->config.fp8 && changed.changes.checkpoint_every > 0;
    remedy.proven = !untried && nanochat::EditsFor(patches, job->family()).has_value();
    std::vector<std::string> names;
    for (const CodePatch& patch : patches) names.push_back(patch.name());
    remedy.names = Join(names, ",");
    remedy.description = Describe(patches);
    remedy.saved = saved;
    remedy.forecast = std::move(*forecast);
    if (request.card || request.total)
      remedy.largest_batch = LargestBatch(changed).value_or(std::nullopt);
    remedies.push_back(std::move(remedy));
  }
  std::stable_sort(remedies.begin(), remedies.end(),
                   [](const CodeRemedy& a, const CodeRemedy& b) { return a.saved > b.saved; });
  return remedies;
}

std::string PatchCommand(const CodeRemedy& remedy) {
  return remedy.proven ? "vramcast fix --patch " + remedy.names : "";
}

}  // namespace vramcast::forecast
