#include "cli/screen_grid.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace vramcast::cli {
namespace {

constexpr char32_t kUnknown = U'?';

// Takes one code point off the front; kUnknown for a byte that is no UTF-8.
char32_t Decode(std::string_view* text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>((*text)[i]); };
  const uint8_t first = byte(0);
  size_t length = 1;
  char32_t glyph = first;
  if (first >= 0xC2 && first < 0xE0) {
    length = 2;
    glyph = first & 0x1FU;
  } else if (first >= 0xE0 && first < 0xF0) {
    length = 3;
    glyph = first & 0x0FU;
  } else if (first >= 0xF0 && first < 0xF5) {
    length = 4;
    glyph = first & 0x07U;
  } else if (first >= 0x80) {
    glyph = kUnknown;
  }
  bool sound = length <= text->size();
  for (size_t i = 1; sound && i < length; ++i) {
    sound = (byte(i) & 0xC0U) == 0x80;
    glyph = glyph << 6U | (byte(i) & 0x3FU);
  }
  text->remove_prefix(sound ? length : 1);
  return sound ? glyph : kUnknown;
}

// Letters of the alphabets that are one column wide, punctuation, lines and blocks.
bool IsNarrow(char32_t glyph) {
  if (glyph < 0x20 || (glyph >= 0x7F && glyph < 0xA0) || glyph == 0xAD) return false;
  if (glyph < 0x300) return true;
  if (glyph >= 0x370 && glyph < 0x483) return true;  // Greek and Cyrillic, without accents
  return (glyph >= 0x2010 && glyph <= 0x2027) || (glyph >= 0x2500 && glyph <= 0x25FF);
}

char32_t Plainer(char32_t glyph) {
  if (glyph < 0x80) return glyph;
  switch (glyph) {
    case U'·':
    case U'…':
      return U'.';
    case U'─':
    case U'–':
    case U'—':
      return U'-';
    case U'°':
      return U' ';
    default:
      return kUnknown;
  }
}

}  // namespace

ScreenGrid::ScreenGrid(int columns, int rows, bool ascii)
    : columns_(std::max(columns, 0)),
      rows_(std::max(rows, 0)),
      ascii_(ascii),
      cells_(static_cast<size_t>(columns_) * static_cast<size_t>(rows_)) {}

const Cell& ScreenGrid::at(int row, int column) const {
  return cells_[static_cast<size_t>(row) * static_cast<size_t>(columns_) +
                static_cast<size_t>(column)];
}

void ScreenGrid::Set(int row, int column, char32_t glyph, Ink ink) {
  if (row < 0 || row >= rows_ || column < 0 || column >= columns_) return;
  if (!IsNarrow(glyph)) glyph = kUnknown;
  if (ascii_) glyph = Plainer(glyph);
  cells_[static_cast<size_t>(row) * static_cast<size_t>(columns_) + static_cast<size_t>(column)] = {
      glyph, ink};
}

int ScreenGrid::Put(int row, int column, std::string_view text, Ink ink, int most) {
  most = std::min(most, columns_ - column);
  const bool cut = WidthOf(text) > most;
  for (int i = 0; i < most && !text.empty(); ++i) {
    const char32_t glyph = Decode(&text);
    Set(row, column++, cut && i == most - 1 ? U'…' : glyph, ink);
  }
  return column;
}

void ScreenGrid::PutRight(int row, int end, std::string_view text, Ink ink) {
  Put(row, std::max(0, end - WidthOf(text)), text, ink);
}

void ScreenGrid::Bar(int row, int column, int width, double fraction, Ink ink) {
  constexpr std::u32string_view kEighths = U"▏▎▍▌▋▊▉";
  const double filled = std::clamp(fraction, 0.0, 1.0) * width;
  for (int i = 0; i < width; ++i) {
    const double part = std::clamp(filled - i, 0.0, 1.0);
    const auto eighths = static_cast<size_t>(std::lround(part * 8));
    if (eighths == 8 || (ascii_ && part >= 0.5)) {
      Set(row, column + i, ascii_ ? U'#' : U'█', ink);
    } else if (eighths == 0 || ascii_) {
      Set(row, column + i, U'·', Ink::kDim);
    } else {
      Set(row, column + i, kEighths[eighths - 1], ink);
    }
  }
}

void ScreenGrid::Sparkline(int row, int column, int width, const std::vector<double>& values,
                           Ink ink) {
  constexpr std::u32string_view kBlocks = U"▁▂▃▄▅▆▇█";
  constexpr std::u32string_view kAscii = U"_.-:=+*#";
  const auto count = std::min(static_cast<size_t>(std::max(width, 0)), values.size());
  const int first = column + width - static_cast<int>(count);
  for (size_t i = 0; i < count; ++i) {
    const double value = std::clamp(values[values.size() - count + i], 0.0, 1.0);
    const auto level = static_cast<size_t>(std::lround(value * 7));
    Set(row, first + static_cast<int>(i), ascii_ ? kAscii[level] : kBlocks[level], ink);
  }
}

std::string ScreenGrid::Text() const {
  std::string text;
  for (int row = 0; row < rows_; ++row) {
    std::string line;
    for (int column = 0; column < columns_; ++column) line += Utf8(at(row, column).glyph);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string Utf8(char32_t glyph) {
  const auto tail = [glyph](unsigned shift) {
    return static_cast<char>(0x80U | (glyph >> shift & 0x3FU));
  };
  if (glyph < 0x80) return {static_cast<char>(glyph)};
  if (glyph < 0x800) return {static_cast<char>(0xC0U | glyph >> 6U), tail(0)};
  if (glyph < 0x10000) return {static_cast<char>(0xE0U | glyph >> 12U), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | glyph >> 18U), tail(12), tail(6), tail(0)};
}

int WidthOf(std::string_view text) {
  int width = 0;
  for (; !text.empty(); ++width) Decode(&text);
  return width;
}

}  // namespace vramcast::cli
