// A change of code made to the files of a checkout, without writing any: what each file says now
// and what it would say.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "nanochat/checkout.h"
#include "nanochat/code_patch.h"

namespace vramcast::nanochat {

// What the person agrees to.
struct PatchConsent {
  bool modified = false;  // files that are not upstream's
  bool unproven = false;  // patches that no dry run has proven for the revision
};

struct PatchedFile {
  std::string path;  // below the checkout: "nanochat/gpt.py"
  std::string before, after;
};

// Usage error if a patch is not offered for the checkout's revision, if a file that it changes is
// not upstream's (unless consent says so), or if a statement that it changes is not there exactly
// as it has to be; unreadable error if a file cannot be read.
Result<std::vector<PatchedFile>> PatchCheckout(const Checkout& checkout,
                                               std::span<const CodePatch> patches,
                                               PatchConsent consent = {});

}  // namespace vramcast::nanochat
