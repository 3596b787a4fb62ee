#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "base/text.h"
#include "gpu/card.h"
#include "gpu/card_name.h"
#include "gpu/card_rows.h"

namespace vramcast::gpu {
namespace {

using namespace literals;  // NOLINT: sizes

// Models that are words; all others contain a digit.
constexpr std::array<std::string_view, 5> kWordModels = {"orin", "xavier", "thor", "titan",
                                                         "spark"};

struct KnownName {
  const Card* card;
  CardName name;
};

struct Index {
  ModelSet models;
  std::vector<KnownName> names;
  std::vector<std::string> spellings;  // for suggestions: "RTX 3090", "A100-SXM4-40GB"
};

bool HasDigit(std::string_view word) {
  return std::any_of(word.begin(), word.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}
bool IsNumber(std::string_view word) {
  return std::all_of(word.begin(), word.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

// The word of a name that is its model: the first that is neither a size nor a form factor.
std::optional<std::string> ModelWord(std::string_view phrase) {
  for (const std::string& word : CardWords(phrase, {})) {
    if (std::find(kWordModels.begin(), kWordModels.end(), word) != kWordModels.end()) return word;
    const bool form_factor = word == "sxm" || word == "v2" || word == "3e" || SizeWord(word);
    if (HasDigit(word) && !form_factor && !word.starts_with("hbm")) return word;
  }
  return std::nullopt;
}

std::vector<std::string> Phrases(const CatalogueEntry& entry) {
  std::vector<std::string> phrases = {entry.card.name};
  if (!entry.aliases.empty()) {
    for (const std::string_view alias : Split(entry.aliases, '|')) phrases.emplace_back(alias);
  }
  return phrases;
}

std::string WithoutMaker(std::string_view name) {
  for (const std::string_view maker : {"NVIDIA ", "GeForce ", "Tesla "}) {
    if (name.starts_with(maker)) name.remove_prefix(maker.size());
  }
  return std::string(name);
}

const Index& TheIndex() {
  static const Index index = [] {
    Index made;
    for (const CatalogueEntry& entry : CatalogueEntries()) {
      for (const std::string& phrase : Phrases(entry)) {
        if (auto model = ModelWord(phrase)) made.models.insert(*model);
      }
    }
    for (const CatalogueEntry& entry : CatalogueEntries()) {
      for (const std::string& phrase : Phrases(entry)) {
        made.spellings.push_back(WithoutMaker(phrase));
        const auto model = ModelWord(phrase);
        for (CardName& name : NamesIn(CardWords(phrase, made.models), made.models)) {
          if (name.model != model) continue;
          name.printed_gb = name.gb;
          name.gb = entry.card.sold_gb;
          made.names.push_back({&entry.card, std::move(name)});
          break;
        }
      }
    }
    return made;
  }();
  return index;
}

std::string Describe(const Card& card) {
  return card.sold_gb ? fmt::format("{} ({} GB)", card.name, *card.sold_gb) : card.name;
}

// The card that is only a size: about what the cards sold with that many GB report.
CardMatch CardOfSize(int gb) {
  std::vector<Bytes> totals;
  Bytes low;
  Bytes high;
  for (const Card& card : Catalogue()) {
    if (card.sold_gb != gb || card.integrated) continue;
    low = totals.empty() ? card.total_low : std::min(low, card.total_low);
    high = totals.empty() ? card.total_high : std::max(high, card.total_high);
    totals.push_back(card.total);
  }
  CardMatch match{
      .card = {.name = fmt::format("{} GB card", gb), .estimated = true, .sold_gb = gb}};
  if (totals.empty()) {
    const Bytes size = Bytes(int64_t{gb} << 30);
    match.card.total = size - size / 50;
    match.card.total_low = size - size / 12;
    match.card.total_high = size;
    match.notes.push_back(fmt::format(
        "no known card is sold with {} GB; its usable total is taken as 98 % of that", gb));
    return match;
  }
  // The lower median: one unusual card (with error correction, say) does not set the value.
  const auto middle = totals.begin() + static_cast<ptrdiff_t>((totals.size() - 1) / 2);
  std::nth_element(totals.begin(), middle, totals.end());
  match.card.total = *middle;
  match.card.total_low = low;
  match.card.total_high = high;
  match.notes.push_back(fmt::format("{} GB is the size on the box: {} such cards report {} to {}",
                                    gb, totals.size(), FormatBytes(low), FormatBytes(high)));
  return match;
}

CardMatch CardOfExactly(Bytes size) {
  return {.card = {.name = FormatBytes(size), .total = size, .total_low = size, .total_high = size},
          .notes = {}};
}

// "24GB" and "24G" mean the number on the box; "24GiB", "24576MiB", "23.69 GiB" and plain bytes
// mean exactly that. Nothing if the text is no size.
std::optional<Result<CardMatch>> FindSize(std::string_view text) {
  const std::string_view word = Trim(text);
  if (word.empty() || (std::isdigit(static_cast<unsigned char>(word.front())) == 0 &&
                       word.front() != '.' && word.front() != '-' && word.front() != '+')) {
    return std::nullopt;
  }
  const Result<Bytes> size = ParseBytes(word);
  if (!size) {
    // "-3GB", "1e400GB": a size, but none that a card can have.
    if (word.front() == '-') return UsageError(size.error().message);
    return std::nullopt;
  }
  if (IsNumber(word)) {
    if (TheIndex().models.contains(word)) return std::nullopt;
  }
  const size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
  const std::string unit = ToLower(Trim(word.substr(digits)));
  if (digits > 0 && (unit == "gb" || unit == "g")) {
    const auto gb = ParseInt(word.substr(0, digits));
    if (gb && *gb >= 1 && *gb <= 4096) return CardOfSize(static_cast<int>(*gb));
  }
  if (*size < 64_MiB) {
    return UsageError(
        fmt::format("'{}' is {}: too little for a GPU (24GB, 24GiB and bytes are read)", word,
                    FormatBytes(*size)));
  }
  return CardOfExactly(*size);
}

// A variant that no card of the model has is dropped ("8 A100s", "T4 server"), except where GeForce
// names would make it a different card ("3090 SUPER").
void DropForeignVariants(CardName* wanted) {
  const auto foreign = [wanted](const std::string& variant) {
    const bool decisive =
        (variant == "ti" || variant == "super" || variant == "laptop") && IsNumber(wanted->model);
    if (decisive) return false;
    return std::none_of(
        TheIndex().names.begin(), TheIndex().names.end(), [&](const KnownName& known) {
          return known.name.model == wanted->model &&
                 std::find(known.name.variants.begin(), known.name.variants.end(), variant) !=
                     known.name.variants.end();
        });
  };
  std::erase_if(wanted->variants, foreign);
}

// A bare number in a long text ("step 4000 of 5000") is a card only beside a word that says so.
bool Credible(const CardName& name, size_t words) {
  return !IsNumber(name.model) || words <= 4 || !name.families.empty() || !name.variants.empty();
}

struct Candidate {
  const KnownName* known = nullptr;
  CardName wanted;
  double misfit = 0;
};

std::vector<Candidate> Candidates(const std::vector<std::string>& words) {
  std::vector<Candidate> candidates;
  for (CardName& wanted : NamesIn(words, TheIndex().models)) {
    if (!Credible(wanted, words.size())) continue;
    DropForeignVariants(&wanted);
    for (const KnownName& known : TheIndex().names) {
      if (const auto misfit = Misfit(wanted, known.name))
        candidates.push_back({&known, wanted, *misfit});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.misfit < b.misfit; });
  return candidates;
}

// The other sizes that the same words could mean.
void NoteAlternatives(const std::vector<Candidate>& candidates, CardMatch* match) {
  constexpr double kAlsoMeant = 2.2;
  std::vector<std::string> others;
  for (const Candidate& other : candidates) {
    const Card& card = *other.known->card;
    if (other.known->name.model != candidates.front().known->name.model) continue;
    if (other.misfit > candidates.front().misfit + kAlsoMeant) continue;
    if (card.sold_gb == candidates.front().known->card->sold_gb) continue;
    if (std::find(others.begin(), others.end(), Describe(card)) == others.end()) {
      others.push_back(Describe(card));
    }
  }
  if (others.empty()) return;
  match->notes.push_back(fmt::format("taken as {}; the name could also mean {}",
                                     Describe(*candidates.front().known->card),
                                     fmt::join(others, " or ")));
}

// A known GPU with another size on it ("RTX 4090 48GB"): everything but the memory is known.
void ApplyUnusualSize(double gb, CardMatch* match) {
  const int rounded = static_cast<int>(std::lround(gb));
  if (rounded < 1 || rounded > 4096) return;
  match->notes.push_back(fmt::format(
      "{} is not known with {} GB; taken as that GPU with this memory", match->card.name, rounded));
  const Card sized = CardOfSize(rounded).card;
  match->card.name += fmt::format(" with {} GB", rounded);
  match->card.sold_gb = rounded;
  match->card.board_total = std::nullopt;
  match->card.estimated = true;
  match->card.total = sized.total;
  match->card.total_low = sized.total_low;
  match->card.total_high = sized.total_high;
}

// A MIG profile: its slice of the memory is 94 to 99 % of the profile's name (4.75 GiB of "5gb").
void ApplyMigProfile(const std::string& profile, CardMatch* match) {
  const auto gb = SizeWord(profile.substr(profile.find('.') + 1));
  const Bytes size = Bytes(static_cast<int64_t>(*gb * (1 << 30)));
  match->card.name += " MIG " + profile;
  match->card.estimated = true;
  match->card.total = Bytes(size.count() / 100 * 96);
  match->card.total_low = Bytes(size.count() / 100 * 93);
  match->card.total_high = size;
  match->card.board_total = std::nullopt;
  match->card.sold_gb = std::nullopt;
  match->card.multiprocessors = std::nullopt;
  match->card.l2 = std::nullopt;
}

std::string Suggestion(std::string_view text, const std::vector<std::string>& words) {
  constexpr size_t kLongestName = 64;  // what is longer is no misspelled name
  if (text.size() > kLongestName) return "";
  std::vector<std::string> lower;
  for (const std::string& spelling : TheIndex().spellings) lower.push_back(ToLower(spelling));
  const std::string wanted = ToLower(WithoutMaker(Trim(text)));
  auto near = Nearest(wanted, lower);
  if (!near) near = Nearest(Join(words, " "), lower);
  if (!near) return "; a name as \"RTX 3090\" or \"a100-80gb\" or a size as 24GB is read";
  const auto at = std::find(lower.begin(), lower.end(), *near) - lower.begin();
  return fmt::format(" (did you mean \"{}\"?)", TheIndex().spellings[static_cast<size_t>(at)]);
}

}  // namespace

Result<CardMatch> FindCard(std::string_view text) {
  if (Trim(text).empty())
    return UsageError("an empty GPU name: give a name (\"RTX 3090\") or 24GB");
  constexpr size_t kLongest = 4096;  // a line of a log at most
  text = text.substr(0, kLongest);
  if (auto size = FindSize(text)) return *std::move(size);
  if (auto exact = CardForDriver(Trim(text), std::nullopt)) {
    const bool sizes_share_the_name =
        std::count_if(Catalogue().begin(), Catalogue().end(),
                      [&](const Card& card) { return card.name == exact->name; }) > 1;
    if (!sizes_share_the_name) return CardMatch{.card = *std::move(exact), .notes = {}};
  }
  const std::vector<std::string> words = CardWords(text, TheIndex().models);
  const std::vector<Candidate> candidates = Candidates(words);
  if (candidates.empty() || candidates.front().misfit > kTooFar) {
    const std::string meant = candidates.empty()
                                  ? Suggestion(text, words)
                                  : fmt::format(" (did you mean \"{}\"?)",
                                                WithoutMaker(candidates.front().known->card->name));
    return UsageError(fmt::format("unknown GPU '{}'{}", Trim(text).substr(0, 80), meant));
  }
  const Candidate& best = candidates.front();
  CardMatch match{.card = *best.known->card, .notes = {}};
  NoteAlternatives(candidates, &match);
  const auto gb = best.wanted.gb;
  const bool unusual = gb && gb != best.known->name.printed_gb && match.card.sold_gb &&
                       std::fabs(*gb - *match.card.sold_gb) > 0.12 * *match.card.sold_gb;
  if (best.wanted.mig) {
    ApplyMigProfile(*best.wanted.mig, &match);
  } else if (unusual) {
    ApplyUnusualSize(*gb, &match);
  }
  return match;
}

}  // namespace vramcast::gpu
