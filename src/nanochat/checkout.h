// A nanochat checkout on this machine: which revision it is, how sure that is, what was modified.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "nanochat/revision.h"

namespace vramcast::nanochat {

struct Checkout {
  std::filesystem::path root;
  std::optional<std::string> head;  // commit of .git's HEAD, 40 hex digits; empty: no .git
  Revision revision;
  std::vector<std::string> modified;  // memory-relevant files that differ from `revision`
  int matching = 0, compared = 0;  // memory-relevant files equal to the revision's, and looked at
};

// Finds out the revision of the checkout at `directory` or above it. Reads .git itself (no git
// program), and compares the contents of the files that decide memory with every upstream commit.
// Unreadable error if there is no nanochat (neither nanochat/gpt.py nor scripts/base_train.py).
Result<Checkout> DetectCheckout(const std::filesystem::path& directory);

}  // namespace vramcast::nanochat
