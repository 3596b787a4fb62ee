#include "nanochat/patch_checkout.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

namespace vramcast::nanochat {
namespace {

namespace fs = std::filesystem;

// Sources are some ten thousand bytes long.
constexpr uintmax_t kMostBytes = uintmax_t{4} << 20;

Result<std::string> ReadSource(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return UnreadableError("there is no " + path.string());
  if (fs::file_size(path, error) > kMostBytes || error) {
    return UnreadableError(path.string() + " is too large for a source file");
  }
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file) return UnreadableError(path.string() + " cannot be read");
  return text;
}

}  // namespace

Result<std::vector<PatchedFile>> PatchCheckout(const Checkout& checkout,
                                               std::span<const CodePatch> patches,
                                               PatchConsent consent) {
  const Revision& revision = checkout.revision;
  auto edits = EditsFor(patches, *revision.family, consent.unproven);
  if (!edits) return tl::make_unexpected(edits.error());
  std::map<std::string_view, std::vector<SourceEdit>> by_file;
  for (SourceEdit& edit : *edits) by_file[edit.file].push_back(std::move(edit));

  std::vector<PatchedFile> files;
  for (const auto& [path, of_file] : by_file) {
    const auto& modified = checkout.modified;
    const bool ours = std::find(modified.begin(), modified.end(), path) == modified.end();
    if (!ours && !consent.modified) {
      return UsageError(std::string(path) + " is not that of nanochat " + revision.ShortCommit() +
                        " or of any other revision that is known: it was changed, and what a "
                        "patch does to it was never tried");
    }
    auto before = ReadSource(checkout.root / path);
    if (!before) return tl::make_unexpected(before.error());
    auto after = ApplyEdits(*before, of_file);
    if (!after) return tl::make_unexpected(after.error());
    files.push_back({std::string(path), std::move(*before), std::move(*after)});
  }
  return files;
}

}  // namespace vramcast::nanochat
