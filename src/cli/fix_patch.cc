#include "cli/fix_patch.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "base/text.h"
#include "cli/write_in_place.h"
#include "command/edit.h"
#include "nanochat/patch_checkout.h"

namespace vramcast::cli {
namespace {

using nanochat::CodePatch;
using nanochat::PatchConsent;
using nanochat::PatchedFile;

// As git and patch show it.
constexpr int kContext = 3;

struct Consent {
  PatchConsent patch;
  bool training = false;
};

struct Patched {
  Consent consent;
  nanochat::Checkout checkout;
  std::vector<CodePatch> patches;
  std::vector<PatchedFile> files;
  std::string difference;

  std::vector<std::string> consequences() const {
    std::vector<std::string> all;
    for (const CodePatch& patch : patches) {
      const std::string_view consequence = nanochat::InfoOf(patch.change).consequence;
      if (!consequence.empty()) all.emplace_back(consequence);
    }
    return all;
  }
};

Result<Consent> ReadConsent(const std::string& allow) {
  Consent consent;
  for (const std::string_view part : Split(allow, ',')) {
    const std::string_view word = Trim(part);
    if (word == kAllowTraining) {
      consent.training = true;
    } else if (word == kAllowModified) {
      consent.patch.modified = true;
    } else if (word == kAllowUnproven) {
      consent.patch.unproven = true;
    } else if (!word.empty()) {
      return UsageError(fmt::format("--allow takes {}, {} and {}, not \"{}\"", kAllowTraining,
                                    kAllowModified, kAllowUnproven, word));
    }
  }
  return consent;
}

// What would have to be agreed to, where that is what stands in the way.
std::string Missing(const Patched& patched, PatchConsent consent) {
  const auto tried = [&](PatchConsent more) {
    return nanochat::PatchCheckout(patched.checkout, patched.patches, more).has_value();
  };
  std::string words;
  if (tried({true, consent.unproven})) {
    words = kAllowModified;
  } else if (tried({consent.modified, true})) {
    words = kAllowUnproven;
  } else if (tried({true, true})) {
    words = fmt::format("{},{}", kAllowModified, kAllowUnproven);
  }
  return words.empty() ? words : fmt::format(" (--allow {} tries it nevertheless)", words);
}

Result<Patched> Make(const PatchArguments& arguments) {
  Patched patched;
  auto consent = ReadConsent(arguments.allow);
  if (!consent) return tl::make_unexpected(consent.error());
  patched.consent = *consent;
  auto patches = nanochat::ParsePatches(arguments.names);
  if (!patches) return tl::make_unexpected(patches.error());
  patched.patches = std::move(*patches);
  auto checkout = nanochat::DetectCheckout(arguments.checkout.empty() ? "." : arguments.checkout);
  if (!checkout) {
    Error error = checkout.error();
    if (arguments.checkout.empty()) error.message += ": name the checkout with --checkout DIR";
    return tl::make_unexpected(std::move(error));
  }
  patched.checkout = std::move(*checkout);
  auto files = nanochat::PatchCheckout(patched.checkout, patched.patches, consent->patch);
  if (!files) {
    Error error = files.error();
    error.message += Missing(patched, consent->patch);
    return tl::make_unexpected(std::move(error));
  }
  patched.files = std::move(*files);
  for (const PatchedFile& file : patched.files) {
    patched.difference +=
        command::Difference(file.before, file.after, "a/" + file.path, "b/" + file.path, kContext);
  }
  return patched;
}

Status Write(const Patched& patched) {
  const std::vector<std::string> consequences = patched.consequences();
  if (!consequences.empty() && !patched.consent.training) {
    return UsageError(fmt::format("this changes training: {}. If that is wanted, add --allow {}",
                                  Join(consequences, "; "), kAllowTraining));
  }
  std::vector<NewText> texts;
  for (const PatchedFile& file : patched.files) {
    texts.push_back({(patched.checkout.root / file.path).string(), file.after});
  }
  return WriteInPlace(texts);
}

std::vector<std::string> Notes(const Patched& patched) {
  std::vector<std::string> notes;
  for (const CodePatch& patch : patched.patches) {
    notes.push_back(patch.name() + " " + std::string(nanochat::InfoOf(patch.change).title));
  }
  for (std::string& consequence : patched.consequences()) {
    notes.push_back("this changes training: " + std::move(consequence));
  }
  if (patched.consequences().empty()) {
    notes.emplace_back("training computes the same; sums may be rounded in another order");
  }
  const nanochat::Revision& revision = patched.checkout.revision;
  notes.push_back(
      fmt::format("the checkout is nanochat {} of {}", revision.ShortCommit(), revision.Date()));
  if (!patched.checkout.modified.empty()) notes.push_back(revision.note);
  return notes;
}

nlohmann::json ToJson(const Patched& patched, bool written) {
  nlohmann::json files = nlohmann::json::array(), names = nlohmann::json::array();
  for (const PatchedFile& file : patched.files) files.push_back(file.path);
  for (const CodePatch& patch : patched.patches) names.push_back(patch.name());
  return {{"schema", "vramcast.patch"},
          {"version", 1},
          {"patches", std::move(names)},
          {"checkout", patched.checkout.root.string()},
          {"revision", patched.checkout.revision.commit},
          {"files", std::move(files)},
          {"difference", patched.difference},
          {"changes_training", !patched.consequences().empty()},
          {"written", written},
          {"notes", Notes(patched)}};
}

}  // namespace

Result<Exit> PatchCheckout(const PatchArguments& arguments, Output& output) {
  const auto patched = Make(arguments);
  if (!patched) return tl::make_unexpected(patched.error());
  if (arguments.in_place) {
    if (const Status status = Write(*patched); !status) {
      return tl::make_unexpected(status.error());
    }
  }
  if (arguments.json) {
    output.out() << ToJson(*patched, arguments.in_place).dump(2) << '\n';
    return Exit::kYes;
  }
  // The difference alone on standard output, so that it can be piped into git apply.
  if (!arguments.in_place) output.out() << patched->difference;
  for (const std::string& note : Notes(*patched)) output.Note(AsSentence(note));
  if (arguments.in_place) {
    for (const PatchedFile& file : patched->files) {
      const std::string path = (patched->checkout.root / file.path).string();
      output.out() << fmt::format("changed {}; the original is {}.orig\n", path, path);
    }
  } else {
    output.Note("Nothing was written; --in-place DIR instead of --checkout does it.");
  }
  return Exit::kYes;
}

}  // namespace vramcast::cli
