// A Document is what a verb wants to say: titles, sentences, tables, bars and code, without knowing
// whether it becomes text on a terminal or HTML.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace vramcast {

enum class Tone : uint8_t { kPlain, kGood, kWarning, kBad };

struct Title {
  std::string text;
};
struct Paragraph {
  std::string text;
  Tone tone = Tone::kPlain;
};
struct Bullet {
  std::string text;
  Tone tone = Tone::kPlain;
};
// Lines to copy and paste: never wrapped, never decorated.
struct Code {
  std::string text;
};
// Columns are as wide as their widest cell; the last column wraps to the terminal's width.
struct Table {
  std::vector<std::string> header;             // empty: no header line
  std::vector<std::vector<std::string>> rows;  // each as long as the header
  std::vector<bool> right_aligned;             // by column; shorter means left
};
// A horizontal bar per row, in proportion to the largest value (or to `scale` if above 0).
struct Bars {
  struct Bar {
    std::string label;
    double value = 0;
    std::string note;
  };
  std::vector<Bar> bars;
  double scale = 0;
};

using Part = std::variant<Title, Paragraph, Bullet, Code, Table, Bars>;

struct Document {
  std::vector<Part> parts;

  Document& Add(Part part) {
    parts.push_back(std::move(part));
    return *this;
  }
};

struct TextStyle {
  int width = 80;       // columns
  bool colour = false;  // ANSI colours for tones and titles
};
std::string RenderText(const Document& document, const TextStyle& style);

}  // namespace vramcast
