// `fix --patch`: a change of nanochat's code that saves memory, shown as a difference against the
// user's checkout, or written when asked.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/verb.h"

namespace vramcast::cli {

struct PatchArguments {
  std::string names;     // "checkpoint,chunked-loss"
  std::string checkout;  // empty: the one that this folder is in
  std::string allow;     // what the person agrees to, separated by commas
  bool in_place = false;
  bool json = false;
};

// What --allow takes.
inline constexpr char kAllowTraining[] = "changed-training";
inline constexpr char kAllowUnproven[] = "unproven-patch";
inline constexpr char kAllowModified[] = "modified-checkout";

// Usage error if the checkout is not as the patch needs it, or consent is missing; then nothing has
// been written.
Result<Exit> PatchCheckout(const PatchArguments& arguments, Output& output);

}  // namespace vramcast::cli
