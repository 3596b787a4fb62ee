// Changes of nanochat's code that save memory, which nanochat itself has no flag for: what each is
// called, what it changes, and for which revisions it was proven. The edits themselves are data in
// code_patches.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "nanochat/family.h"
#include "nanochat/source_edit.h"

namespace vramcast::nanochat {

enum class CodeChange : uint8_t {
  kCheckpoint,      // activations of every n-th block are computed again in the backward pass
  kChunkedLoss,     // logits and loss of an eighth of the tokens at a time
  kReleaseStaging,  // collectives' tensors are let go when their work is waited for
  kBf16States,      // moments of the optimizers in bf16: training changes
};

struct CodeChangeInfo {
  CodeChange change = CodeChange::kCheckpoint;
  std::string_view name;   // "checkpoint"
  std::string_view title;  // what it does, in a line
  // What of training it changes beyond the order of roundings; empty: nothing.
  std::string_view consequence;
};
std::span<const CodeChangeInfo> CodeChanges();
const CodeChangeInfo& InfoOf(CodeChange change);

// One change as it is asked for.
struct CodePatch {
  CodeChange change = CodeChange::kCheckpoint;
  int every = 1;  // of kCheckpoint

  std::string name() const;  // "checkpoint", "checkpoint-every-2"
};

// "checkpoint-every-2,chunked-loss": usage error for other names, and for one change asked twice.
Result<std::vector<CodePatch>> ParsePatches(std::string_view names);

// Whether a dry run of the changed code has proven, for revisions of this family, that the change
// runs and saves.
bool Offered(CodeChange change, const Family& family);

// The edits that make all of `patches` in a revision of this family. Usage error that names what is
// not written for it, or was not proven (unless `allow_unproven`).
Result<std::vector<SourceEdit>> EditsFor(std::span<const CodePatch> patches, const Family& family,
                                         bool allow_unproven = false);

}  // namespace vramcast::nanochat
