// The edits behind each change of nanochat's code, by the families that have what they change.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "nanochat/code_patch.h"

namespace vramcast::nanochat {

enum class Proof : uint8_t {
  kNone,
  kPlain,     // as it is by default
  kEveryNth,  // and for every n-th block
};

struct PatchVariant {
  CodeChange change = CodeChange::kCheckpoint;
  std::string_view first, last;  // families, both included
  // The dry runs that proved it are listed in docs/accuracy.md; without one it is not offered.
  Proof proof = Proof::kNone;
  std::vector<SourceEdit> edits;
};
std::span<const PatchVariant> PatchVariants();

// Stands in `put` for the rest of a condition that chooses blocks.
inline constexpr std::string_view kWhichBlocks = "{which blocks}";

}  // namespace vramcast::nanochat
