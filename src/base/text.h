// Small helpers on text that several rooms need. All work on ASCII and pass other bytes through.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vramcast {

std::string_view Trim(std::string_view text);
std::string ToLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
bool Contains(std::string_view text, std::string_view part);
std::vector<std::string_view> Split(std::string_view text, char separator);
std::string Join(std::span<const std::string> parts, std::string_view separator);

// The whole text as a number; nothing if anything is left over or it does not fit.
std::optional<int64_t> ParseInt(std::string_view text);
std::optional<double> ParseDouble(std::string_view text);

// "the card is full" -> "The card is full.": a remark as a line of its own.
std::string AsSentence(std::string text);

// 524288 -> "524,288".
std::string WithThousands(int64_t value);

// The candidate closest to `word` by edit distance, if it is close enough to be what was meant.
std::optional<std::string> Nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace vramcast
