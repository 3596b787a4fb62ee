// A revision of nanochat: a commit of upstream, when it was made, and the family of revisions that
// behaves as it does. The program carries every upstream commit up to its release.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "nanochat/family.h"

namespace vramcast::nanochat {

// How sure it is that the facts of `family` hold for the code that runs.
enum class Certainty : uint8_t {
  kExact,     // this very upstream commit
  kModified,  // an upstream commit with local changes, or a branch beside master
  kNearest,   // not known: the upstream commit nearest by date
};

struct Revision {
  std::string commit;  // 40 hex digits of the upstream commit whose facts are used
  int64_t time = 0;    // its commit time, seconds since 1970, UTC
  int tree = 0;        // row of tables.h: the state of its files, from which its flags follow
  const Family* family = nullptr;  // never null once made; lives as long as the program
  Certainty certainty = Certainty::kExact;
  std::string note;  // why not exact, or how the text was understood; may be empty

  std::string ShortCommit() const { return commit.substr(0, 7); }
  std::string Date() const;  // "2025-10-13"
};

// Understands a hash or a prefix of one (4 digits or more; also "dd6ff9a (dirty)", as nanochat's
// reports print it), a date ("2026-01-15": the last commit of that day or before it, UTC, on
// master), the names oct2025, jan2026, mar2026 and head, and the name of a family. A hash that is
// not known gives head with kNearest; an ambiguous prefix and any other text are usage errors that
// name what is possible.
Result<Revision> FindRevision(std::string_view text);

// A hash of 40 digits that upstream has, or nothing.
std::optional<Revision> KnownCommit(std::string_view hash);

// The newest upstream commit that the program knows.
Revision HeadRevision();
// The last commit of master at or before `time` (the first commit if there is none).
Revision RevisionAt(int64_t time);

}  // namespace vramcast::nanochat
