// A card's name as people write it, taken apart: which model, which variant, which size. Two names
// mean the same card if their models agree and their variants do not contradict each other.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace vramcast::gpu {

using ModelSet = std::set<std::string, std::less<>>;  // the words that may be a model

struct CardName {
  std::string model;                  // "3090", "a100", "orin"
  std::vector<std::string> variants;  // "ti", "laptop", "sxm", "ada"
  std::vector<std::string> families;  // "rtx", "quadro": help, but are often left out or wrong
  std::optional<double> gb;           // "80GB", "40 g"; of a known card: what it is sold as
  std::optional<double> printed_gb;  // of a known card: a size in the driver's name ("GH200 480GB")
  std::optional<std::string> mig;    // "1g.10gb"
};

// The lower-case words of a text; letters and digits that people write together ("3090ti",
// "rtx4090", "8xh100") are taken apart, a number and its unit ("80 GB") are joined.
std::vector<std::string> CardWords(std::string_view text, const ModelSet& models);

// The name around each occurrence of a model among the words.
std::vector<CardName> NamesIn(const std::vector<std::string>& words, const ModelSet& models);

// How badly a wanted name fits a known one; nothing if the models differ. 0 is a perfect fit; above
// kTooFar the wanted name says something that the known card is not.
inline constexpr double kTooFar = 3.5;
std::optional<double> Misfit(const CardName& wanted, const CardName& known);

// "80gb", "24g", "93.1gib" -> the number.
std::optional<double> SizeWord(std::string_view word);

}  // namespace vramcast::gpu
