#include "gpu/card_name.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "base/text.h"

namespace vramcast::gpu {
namespace {

struct Weight {
  std::string_view word;
  double missing;  // the known card has it, the wanted name does not say it
  double extra;    // the wanted name says it, the known card does not have it
};

// What tells variants of one model apart. A word that people tend to leave out costs little when
// missing; a word that nobody writes without meaning it costs much when extra.
constexpr std::array kVariants = {
    Weight{"ti", 3, 6},       Weight{"super", 3, 6},
    Weight{"laptop", 3, 6},   Weight{"maxq", 0.5, 1},
    Weight{"ada", 2, 6},      Weight{"pro", 2, 6},
    Weight{"nvl", 2, 6},      Weight{"sff", 2, 6},
    Weight{"d", 2, 6},        Weight{"v2", 2, 6},
    Weight{"3e", 2, 6},       Weight{"nx", 2, 6},
    Weight{"nano", 2, 6},     Weight{"xp", 0.1, 6},
    Weight{"server", 0.5, 1}, Weight{"fhhl", 0.5, 2},
    Weight{"sxm", 0.2, 2},    Weight{"pcie", 0.3, 2},
    Weight{"agx", 0.1, 2},    Weight{"workstation", 0.2, 1},
    Weight{"active", 0.5, 2}, Weight{"pascal", 0.1, 6},
    Weight{"x", 0.1, 6},      Weight{"v", 0.1, 6},
};
constexpr std::array<std::string_view, 9> kFamilies = {"rtx", "gtx",   "gt",     "quadro", "tesla",
                                                       "mx",  "titan", "jetson", "geforce"};
constexpr std::array<std::string_view, 8> kGluedPrefixes = {"nvidia", "geforce", "quadro", "tesla",
                                                            "jetson", "rtx",     "gtx",    "gt"};

constexpr size_t kLongestModel = 12;

const Weight* VariantWeight(std::string_view word) {
  const auto* found = std::find_if(kVariants.begin(), kVariants.end(),
                                   [word](const Weight& w) { return w.word == word; });
  return found == kVariants.end() ? nullptr : found;
}

bool Contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// One spelling for each variant.
std::string Canonical(std::string_view word) {
  if (word.starts_with("sxm")) return "sxm";
  if (word == "mobile" || word == "notebook" || word == "m") return "laptop";
  if (word == "s") return "super";
  if (word == "pci" || word == "pcie4" || word == "pcie5") return "pcie";
  return std::string(word);
}

bool IsNumber(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isdigit(c) != 0 || c == '.';
  });
}

// "tisuper" -> {"ti", "super"}; nothing if something is left that is no variant and no size.
std::optional<std::vector<std::string>> VariantRun(std::string_view rest) {
  constexpr size_t kLongestRun = 24;
  if (rest.empty()) return std::vector<std::string>{};
  if (rest.size() > kLongestRun) return std::nullopt;
  if (SizeWord(rest)) return std::vector<std::string>{std::string(rest)};
  if (VariantWeight(Canonical(rest)) != nullptr) return std::vector{Canonical(rest)};
  for (size_t length = rest.size() - 1; length > 0; --length) {
    if (VariantWeight(Canonical(rest.substr(0, length))) == nullptr) continue;
    auto tail = VariantRun(rest.substr(length));
    if (!tail) continue;
    tail->insert(tail->begin(), Canonical(rest.substr(0, length)));
    return tail;
  }
  return std::nullopt;
}

// A word that starts with a model, the longest possible, alone or with variants glued to it.
std::optional<std::vector<std::string>> ModelRun(std::string_view word, const ModelSet& models) {
  for (size_t length = std::min(word.size(), kLongestModel); length > 0; --length) {
    if (!models.contains(word.substr(0, length))) continue;
    auto run = VariantRun(word.substr(length));
    if (!run) continue;
    run->insert(run->begin(), std::string(word.substr(0, length)));
    return run;
  }
  return std::nullopt;
}

void AddWord(std::string_view word, const ModelSet& models, std::vector<std::string>* words) {
  // A count in front: "8xh100", "2*a100" (the star has already split the word).
  const size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
  if (digits > 0 && digits + 1 < word.size() && word[digits] == 'x' && digits <= 3 &&
      !ModelRun(word, models)) {
    return AddWord(word.substr(digits + 1), models, words);
  }
  if (const auto run = ModelRun(word, models)) {
    words->insert(words->end(), run->begin(), run->end());
    return;
  }
  for (const std::string_view prefix : kGluedPrefixes) {
    if (word.size() <= prefix.size() || !word.starts_with(prefix)) continue;
    words->emplace_back(prefix);
    return AddWord(word.substr(prefix.size()), models, words);
  }
  words->push_back(Canonical(word));
}

std::vector<std::string_view> RawWords(std::string_view lower) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t i = 0; i <= lower.size(); ++i) {
    const bool inside =
        i < lower.size() && (std::isalnum(static_cast<unsigned char>(lower[i])) != 0 ||
                             (lower[i] == '.' && i > begin && i + 1 < lower.size() &&
                              std::isdigit(static_cast<unsigned char>(lower[i + 1])) != 0));
    if (inside) continue;
    if (i > begin) words.push_back(lower.substr(begin, i - begin));
    begin = i + 1;
  }
  return words;
}

bool IsMigProfile(std::string_view word) {
  const size_t dot = word.find("g.");
  return dot != std::string_view::npos && IsNumber(word.substr(0, dot)) &&
         SizeWord(word.substr(dot + 2)).has_value();
}

}  // namespace

std::optional<double> SizeWord(std::string_view word) {
  for (const std::string_view unit : {"gib", "gb", "g"}) {
    if (!word.ends_with(unit) || word.size() == unit.size()) continue;
    const std::string_view number = word.substr(0, word.size() - unit.size());
    if (!IsNumber(number)) return std::nullopt;
    return ParseDouble(number);
  }
  return std::nullopt;
}

std::vector<std::string> CardWords(std::string_view text, const ModelSet& models) {
  const std::string lower = ToLower(text);
  const std::vector<std::string_view> raw = RawWords(lower);
  std::vector<std::string> words;
  for (size_t i = 0; i < raw.size(); ++i) {
    const std::string_view next = i + 1 < raw.size() ? raw[i + 1] : std::string_view{};
    if (IsNumber(raw[i]) && (next == "gb" || next == "gib" || next == "g")) {
      words.push_back(std::string(raw[i]) + "gb");
      ++i;
    } else if (raw[i] == "max" && next == "q") {
      words.emplace_back("maxq");
      ++i;
    } else if (IsMigProfile(raw[i])) {
      words.emplace_back(raw[i]);
    } else {
      AddWord(raw[i], models, &words);
    }
  }
  return words;
}

std::vector<CardName> NamesIn(const std::vector<std::string>& words, const ModelSet& models) {
  // A name's variants stand near its model: "GeForce RTX 3080 Ti Laptop GPU (16 GB)".
  constexpr size_t kBefore = 3;
  constexpr size_t kAfter = 6;
  std::vector<CardName> names;
  for (size_t at = 0; at < words.size(); ++at) {
    if (!models.contains(words[at])) continue;
    CardName name{.model = words[at]};
    const size_t begin = at > kBefore ? at - kBefore : 0;
    const size_t end = std::min(words.size(), at + kAfter + 1);
    for (size_t i = begin; i < end; ++i) {
      const std::string& word = words[i];
      if (i == at) continue;
      if (i > at && models.contains(word) && word.size() > 2) break;  // the next card
      if (std::find(kFamilies.begin(), kFamilies.end(), word) != kFamilies.end()) {
        name.families.push_back(word);
      } else if (IsMigProfile(word) && i > at) {
        name.mig = word;
      } else if (const auto gb = SizeWord(word); gb && i > at && !name.gb) {
        name.gb = gb;
      } else if (VariantWeight(word) != nullptr && (i > at || word == "pro" || word == "agx")) {
        name.variants.push_back(word);
      }
    }
    names.push_back(std::move(name));
  }
  return names;
}

std::optional<double> Misfit(const CardName& wanted, const CardName& known) {
  if (wanted.model != known.model) return std::nullopt;
  double misfit = 0;
  for (const std::string& variant : known.variants) {
    if (!Contains(wanted.variants, variant)) misfit += VariantWeight(variant)->missing;
  }
  for (const std::string& variant : wanted.variants) {
    if (!Contains(known.variants, variant)) misfit += VariantWeight(variant)->extra;
  }
  for (const std::string& family : known.families) {
    if (!Contains(wanted.families, family)) misfit += family == "quadro" ? 0.5 : 0.1;
  }
  for (const std::string& family : wanted.families) {
    const bool says_little = family == "geforce" || family == "rtx" || family == "tesla";
    if (!Contains(known.families, family)) misfit += says_little ? 0.1 : 1;
  }
  if (wanted.gb && known.gb && wanted.gb != known.printed_gb) {
    const double distance = std::fabs(*wanted.gb - *known.gb) / *known.gb;
    misfit += distance < 0.005 ? 0 : distance < 0.12 ? 0.5 + distance : 1 + std::min(distance, 1.0);
  }
  return misfit;
}

}  // namespace vramcast::gpu
