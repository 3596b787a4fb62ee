// A screen as a grid of cells: what a full-screen view draws on, apart from any terminal, so that
// tests can look at it. Every cell is one column wide.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vramcast::cli {

enum class Ink : uint8_t { kPlain, kDim, kStrong, kGood, kWarning, kBad, kBar };

struct Cell {
  char32_t glyph = U' ';
  Ink ink = Ink::kPlain;
};

class ScreenGrid {
 public:
  // `ascii`: every other glyph is replaced by one that any terminal shows.
  ScreenGrid(int columns, int rows, bool ascii);

  int columns() const { return columns_; }
  int rows() const { return rows_; }
  bool ascii() const { return ascii_; }
  const Cell& at(int row, int column) const;

  // Writes UTF-8 text, at most `most` columns of it, with an ellipsis where it is cut. What lies
  // outside the grid is left out. Bytes that are no text, and glyphs that are not one column wide,
  // become '?'. Returns the column behind it.
  int Put(int row, int column, std::string_view text, Ink ink = Ink::kPlain, int most = 1 << 20);
  // The same, so that it ends before column `end`.
  void PutRight(int row, int end, std::string_view text, Ink ink = Ink::kPlain);

  // A bar of `width` columns, filled to `fraction` in eighths of a column.
  void Bar(int row, int column, int width, double fraction, Ink ink);
  // A column a value, from 0 to 1; the last one ends at `column + width`.
  void Sparkline(int row, int column, int width, const std::vector<double>& values, Ink ink);

  // Lines without blanks at their ends.
  std::string Text() const;

 private:
  void Set(int row, int column, char32_t glyph, Ink ink);

  int columns_, rows_;
  bool ascii_;
  std::vector<Cell> cells_;
};

// One glyph as UTF-8.
std::string Utf8(char32_t glyph);
// The columns that Put() would use.
int WidthOf(std::string_view text);

}  // namespace vramcast::cli
