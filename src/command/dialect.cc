#include "command/dialect.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "nanochat/family.h"
#include "nanochat/flags.h"

namespace vramcast::command {
namespace {

using nanochat::Revision;

bool IsShort(const FlagUse& use) { return use.spelling.size() == 2 && use.spelling[0] == '-'; }

bool IsTaken(const FlagUse& use, std::string_view module, const Revision& revision) {
  if (IsShort(use)) return true;
  return nanochat::FindFlag(revision, module, use.name).has_value() &&
         use.spelling == nanochat::Spell(revision, module, use.name);
}

int Mismatches(std::span<const Launch> launches, const Revision& revision) {
  constexpr int kMissingScript = 100;
  int count = 0;
  for (const Launch& launch : launches) {
    if (!launch.is_nanochat()) continue;
    const std::string module = ModuleOf(launch.program);
    if (!nanochat::HasScript(revision, module)) count += kMissingScript;
    count += static_cast<int>(
        std::count_if(launch.uses.begin(), launch.uses.end(),
                      [&](const FlagUse& use) { return !IsTaken(use, module, revision); }));
  }
  return count;
}

// The last revision of each family, newest first.
std::vector<Revision> LastOfEachFamily() {
  std::vector<Revision> revisions = {nanochat::HeadRevision()};
  const auto families = nanochat::Families();
  for (size_t i = families.size(); i > 1; --i) {
    const auto first = nanochat::FindRevision(families[i - 1].first_commit);
    if (first) revisions.push_back(nanochat::RevisionAt(first->time - 1));
  }
  return revisions;
}

}  // namespace

std::string ModuleOf(std::string_view program) {
  if (program.ends_with(".py")) program.remove_suffix(3);
  const size_t cut = program.find_last_of("./");
  return "scripts." + std::string(cut == program.npos ? program : program.substr(cut + 1));
}

std::optional<int64_t> TokenizerVocabulary(const Launch& launch) {
  if (ModuleOf(launch.program) != "scripts.tok_train") return std::nullopt;
  const FlagUse* use = launch.Find("vocab-size");
  if (use == nullptr || !use->value || !use->value->text) return std::nullopt;
  return ParseInt(*use->value->text);
}

std::optional<Revision> RevisionOf(std::span<const Launch> launches) {
  if (FirstOfNanochat(launches) == nullptr) return std::nullopt;
  std::optional<Revision> best;
  int fewest = 0;
  for (Revision& revision : LastOfEachFamily()) {
    const int mismatches = Mismatches(launches, revision);
    if (best && mismatches >= fewest) continue;
    fewest = mismatches;
    best = std::move(revision);
    if (fewest == 0) break;
  }
  return best;
}

Translation Translate(const Launch& launch, const Revision& revision) {
  Translation translation;
  const std::string module = ModuleOf(launch.program);
  const std::string commit = revision.ShortCommit();
  // A modified checkout may have flags of its own.
  const bool sure = revision.certainty == nanochat::Certainty::kExact;
  for (const FlagUse& use : launch.uses) {
    if (IsShort(use) || launch.Find(use.name) != &use) continue;
    if (nanochat::FindFlag(revision, module, use.name)) {
      const std::string right = nanochat::Spell(revision, module, use.name);
      if (right == use.spelling) continue;
      translation.edits.push_back({EditKind::kRename, use.name, "", right});
      translation.reasons.push_back("nanochat " + commit + " spells " + use.spelling + " as " +
                                    right);
      continue;
    }
    if (!sure) {
      translation.notes.push_back("nanochat " + commit + " has no flag " + use.spelling +
                                  "; it is kept, since this checkout may have it");
      continue;
    }
    const auto meant = nanochat::SuggestFlag(revision, module, use.name);
    if (!meant || launch.Find(*meant) != nullptr) {
      translation.edits.push_back({EditKind::kRemove, use.name, "", ""});
      translation.reasons.push_back(module + " of nanochat " + commit + " has no flag " +
                                    use.spelling + " and would stop at once");
      continue;
    }
    translation.edits.push_back({EditKind::kRename, use.name, "", *meant});
    translation.reasons.push_back("nanochat " + commit + " has no flag " + use.spelling +
                                  "; what it means is called " + *meant);
  }
  return translation;
}

}  // namespace vramcast::command
