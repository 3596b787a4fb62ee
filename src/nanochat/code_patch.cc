#include "nanochat/code_patch.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "nanochat/code_patches.h"

namespace vramcast::nanochat {
namespace {

constexpr std::array<CodeChangeInfo, 4> kChanges = {{
    {CodeChange::kCheckpoint, "checkpoint",
     "keeps only the input of each block and computes the block again in the backward pass", ""},
    {CodeChange::kChunkedLoss, "chunked-loss",
     "computes logits and loss for an eighth of the tokens at a time", ""},
    {CodeChange::kReleaseStaging, "release-staging",
     "lets go of the optimizer's communication buffers as soon as they have been used", ""},
    {CodeChange::kBf16States, "bf16-states",
     "keeps the optimizers' moments in bf16 instead of fp32",
     "the optimizers' moments are rounded to bf16 after every step, so the losses differ"},
}};
constexpr std::string_view kEvery = "-every-";
constexpr int64_t kMostBlocks = 1000;

std::optional<CodePatch> ParseOne(std::string_view name) {
  for (const CodeChangeInfo& info : kChanges) {
    if (name == info.name) return CodePatch{info.change, 1};
  }
  const std::string prefix =
      std::string(InfoOf(CodeChange::kCheckpoint).name) + std::string(kEvery);
  if (!name.starts_with(prefix)) return std::nullopt;
  const auto every = ParseInt(name.substr(prefix.size()));
  if (!every || *every < 1 || *every > kMostBlocks) return std::nullopt;
  return CodePatch{CodeChange::kCheckpoint, static_cast<int>(*every)};
}

const PatchVariant* VariantFor(CodeChange change, const Family& family) {
  for (const PatchVariant& variant : PatchVariants()) {
    if (variant.change != change) continue;
    const Family* first = FamilyByName(variant.first);
    const Family* last = FamilyByName(variant.last);
    if (first == nullptr || last == nullptr) continue;
    if (first->index <= family.index && family.index <= last->index) return &variant;
  }
  return nullptr;
}

std::string FillIn(std::string put, const CodePatch& patch) {
  const std::string which =
      patch.every == 1 ? ""
                       : " and block.attn.layer_idx % " + std::to_string(patch.every) + " == 0";
  for (size_t at = 0; (at = put.find(kWhichBlocks, at)) != std::string::npos; at += which.size()) {
    put.replace(at, kWhichBlocks.size(), which);
  }
  return put;
}

bool Same(const SourceEdit& a, const SourceEdit& b) {
  return a.file == b.file && a.scope == b.scope && a.find == b.find && a.place == b.place &&
         a.put == b.put;
}

}  // namespace

std::span<const CodeChangeInfo> CodeChanges() { return kChanges; }

const CodeChangeInfo& InfoOf(CodeChange change) { return kChanges[static_cast<size_t>(change)]; }

std::string CodePatch::name() const {
  std::string name(InfoOf(change).name);
  if (every != 1) name += std::string(kEvery) + std::to_string(every);
  return name;
}

Result<std::vector<CodePatch>> ParsePatches(std::string_view names) {
  std::vector<CodePatch> patches;
  for (const std::string_view part : Split(names, ',')) {
    const std::string_view name = Trim(part);
    const auto patch = ParseOne(name);
    if (!patch) {
      std::vector<std::string> known;
      for (const CodeChangeInfo& info : kChanges) known.emplace_back(info.name);
      const auto nearest = Nearest(name, known);
      return UsageError("there is no patch called \"" + std::string(name) + "\"" +
                        (nearest ? "; did you mean " + *nearest + "?" : "") + "; there are: " +
                        Join(known, ", ") + ", and checkpoint-every-N for every N-th block");
    }
    for (const CodePatch& other : patches) {
      if (other.change == patch->change) {
        return UsageError(other.name() + " and " + patch->name() + " are the same change");
      }
    }
    patches.push_back(*patch);
  }
  return patches;
}

bool Offered(CodeChange change, const Family& family) {
  const PatchVariant* variant = VariantFor(change, family);
  return variant != nullptr && variant->proof != Proof::kNone;
}

Result<std::vector<SourceEdit>> EditsFor(std::span<const CodePatch> patches, const Family& family,
                                         bool allow_unproven) {
  std::vector<SourceEdit> edits;
  for (const CodePatch& patch : patches) {
    const PatchVariant* variant = VariantFor(patch.change, family);
    if (variant == nullptr) {
      return UsageError("there is no " + patch.name() + " for revisions like " +
                        std::string(family.name));
    }
    const Proof needed = patch.every > 1 ? Proof::kEveryNth : Proof::kPlain;
    if (variant->proof < needed && !allow_unproven) {
      return UsageError("no dry run has proven " + patch.name() + " for revisions like " +
                        std::string(family.name) + ", so it is not offered");
    }
    for (SourceEdit edit : variant->edits) {
      edit.put = FillIn(std::move(edit.put), patch);
      // Two changes may need the same import.
      const auto same = [&](const SourceEdit& other) { return Same(edit, other); };
      if (std::none_of(edits.begin(), edits.end(), same)) edits.push_back(std::move(edit));
    }
  }
  return edits;
}

}  // namespace vramcast::nanochat
