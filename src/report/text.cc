#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "report/document.h"

namespace vramcast {
namespace {

// Columns that UTF-8 text takes on a terminal; every code point counts as one.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Pad(const std::string& text, size_t width, bool right) {
  const size_t have = Width(text);
  const std::string gap(width > have ? width - have : 0, ' ');
  return right ? gap + text : text + gap;
}

std::vector<std::string> Wrap(std::string_view text, size_t width) {
  std::vector<std::string> lines;
  std::string line;
  size_t begin = 0;
  const auto flush = [&] {
    lines.push_back(std::move(line));
    line.clear();
  };
  while (begin <= text.size()) {
    const size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    if (!line.empty() && Width(line) + 1 + Width(word) > width) flush();
    if (!line.empty() && !word.empty()) line += ' ';
    line += word;
    if (end < text.size() && text[end] == '\n') flush();
    begin = end + 1;
  }
  if (!line.empty() || lines.empty()) flush();
  return lines;
}

class TextRenderer {
 public:
  explicit TextRenderer(const TextStyle& style)
      : width_(static_cast<size_t>(std::max(style.width, 20))), colour_(style.colour) {}

  std::string Take() { return std::move(out_); }

  void operator()(const Title& title) {
    Gap();
    for (const std::string& line : Wrap(title.text, width_)) Line(Paint(line, "1"));
  }
  void operator()(const Paragraph& paragraph) {
    Gap();
    for (const std::string& line : Wrap(paragraph.text, width_)) Line(Paint(line, paragraph.tone));
  }
  void operator()(const Bullet& bullet) {
    std::string_view mark = "  - ";
    for (const std::string& line : Wrap(bullet.text, width_ - 4)) {
      Line(std::string(mark) + Paint(line, bullet.tone));
      mark = "    ";
    }
  }
  void operator()(const Code& code) {
    Gap();
    size_t begin = 0;
    while (begin < code.text.size()) {
      const size_t end = std::min(code.text.find('\n', begin), code.text.size());
      Line("    " + Paint(code.text.substr(begin, end - begin), "36"));
      begin = end + 1;
    }
  }
  void operator()(const Table& table);
  void operator()(const Bars& bars);

 private:
  void Line(const std::string& line) {
    out_ += line;
    out_ += '\n';
  }
  // One empty line between blocks; bullets and tables stand close to what they belong to.
  void Gap() {
    if (!out_.empty()) out_ += '\n';
  }
  std::string Paint(std::string text, std::string_view code) const {
    return colour_ && !text.empty() && !code.empty() ? fmt::format("\033[{}m{}\033[0m", code, text)
                                                     : std::move(text);
  }
  std::string Paint(std::string text, Tone tone) const {
    switch (tone) {
      case Tone::kGood:
        return Paint(std::move(text), "32");
      case Tone::kWarning:
        return Paint(std::move(text), "33");
      case Tone::kBad:
        return Paint(std::move(text), "31");
      case Tone::kPlain:
        break;
    }
    return text;
  }

  size_t width_;
  bool colour_;
  std::string out_;
};

void TextRenderer::operator()(const Table& table) {
  std::vector<size_t> widths(table.header.size());
  const auto measure = [&](const std::vector<std::string>& row) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  };
  measure(table.header);
  for (const auto& row : table.rows) measure(row);
  size_t left_of_last = 2;
  for (size_t i = 0; i + 1 < widths.size(); ++i) left_of_last += widths[i] + 2;
  const size_t room = width_ > left_of_last + 12 ? width_ - left_of_last : 12;

  const auto write = [&](const std::vector<std::string>& row, std::string_view paint) {
    std::string line = "  ";
    for (size_t i = 0; i < row.size(); ++i) {
      const bool right = i < table.right_aligned.size() && table.right_aligned[i];
      const bool last = i + 1 == row.size();
      if (!last) {
        line += Pad(row[i], widths[i], right) + "  ";
        continue;
      }
      if (right) {
        line += Pad(row[i], widths[i], true);
        continue;
      }
      const std::vector<std::string> cell = Wrap(row[i], room);
      for (size_t part = 0; part + 1 < cell.size(); ++part) {
        Line(Paint(line + cell[part], paint));
        line.assign(left_of_last, ' ');
      }
      line += cell.back();
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    Line(Paint(line, paint));
  };
  Gap();
  if (!table.header.empty()) write(table.header, "1");
  for (const auto& row : table.rows) write(row, "");
}

void TextRenderer::operator()(const Bars& bars) {
  size_t label_width = 0, note_width = 0;
  double scale = bars.scale;
  for (const Bars::Bar& bar : bars.bars) {
    label_width = std::max(label_width, Width(bar.label));
    note_width = std::max(note_width, Width(bar.note));
    if (bars.scale <= 0) scale = std::max(scale, bar.value);
  }
  const size_t taken = 2 + label_width + 2 + 2 + note_width;
  const size_t room = width_ > taken + 8 ? width_ - taken : 8;
  Gap();
  for (const Bars::Bar& bar : bars.bars) {
    const double share = scale > 0 ? std::clamp(bar.value / scale, 0.0, 1.0) : 0.0;
    const size_t filled = static_cast<size_t>(std::lround(share * static_cast<double>(room)));
    std::string drawn;
    for (size_t i = 0; i < room; ++i) drawn += i < filled ? "█" : "·";
    Line(fmt::format("  {}  {}  {}", Pad(bar.label, label_width, false), drawn,
                     Pad(bar.note, note_width, true)));
  }
}

}  // namespace

std::string RenderText(const Document& document, const TextStyle& style) {
  TextRenderer renderer(style);
  for (const Part& part : document.parts) std::visit(renderer, part);
  return renderer.Take();
}

}  // namespace vramcast
