#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>

namespace vramcast {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --line: #d4d4d8; --bar: #4f7cac; --good: #1a7f37;
  --warning: #9a6700; --bad: #b42318; --code: #f4f4f5; }
@media (prefers-color-scheme: dark) { :root { --line: #3f3f46; --bar: #7aa2d2; --good: #4ac26b;
  --warning: #d4a72c; --bad: #ff8177; --code: #27272a; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
th { border-bottom: 1px solid var(--line); font-weight: 600; }
.right { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { background: var(--code); padding: .75rem; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.good { color: var(--good); } .warning { color: var(--warning); } .bad { color: var(--bad); }
.bar { background: var(--bar); height: .8rem; min-width: 1px; }
td.track { width: 24rem; max-width: 50vw; }
)css";

std::string_view ClassOf(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return " class=\"good\"";
    case Tone::kWarning:
      return " class=\"warning\"";
    case Tone::kBad:
      return " class=\"bad\"";
    case Tone::kPlain:
      break;
  }
  return "";
}

class HtmlRenderer {
 public:
  std::string Take() {
    CloseList();
    return std::move(out_);
  }

  void operator()(const Title& title) {
    CloseList();
    out_ += fmt::format("<h2>{}</h2>\n", EscapeHtml(title.text));
  }
  void operator()(const Paragraph& paragraph) {
    CloseList();
    out_ += fmt::format("<p{}>{}</p>\n", ClassOf(paragraph.tone), EscapeHtml(paragraph.text));
  }
  void operator()(const Bullet& bullet) {
    if (!in_list_) out_ += "<ul>\n";
    in_list_ = true;
    out_ += fmt::format("<li{}>{}</li>\n", ClassOf(bullet.tone), EscapeHtml(bullet.text));
  }
  void operator()(const Code& code) {
    CloseList();
    out_ += fmt::format("<pre><code>{}</code></pre>\n", EscapeHtml(code.text));
  }
  void operator()(const Table& table) {
    CloseList();
    out_ += "<table>\n";
    if (!table.header.empty()) Row(table, table.header, "th");
    for (const auto& row : table.rows) Row(table, row, "td");
    out_ += "</table>\n";
  }
  void operator()(const Bars& bars) {
    CloseList();
    double scale = bars.scale;
    if (scale <= 0) {
      for (const Bars::Bar& bar : bars.bars) scale = std::max(scale, bar.value);
    }
    out_ += "<table>\n";
    for (const Bars::Bar& bar : bars.bars) {
      const double share = scale > 0 ? std::clamp(bar.value / scale, 0.0, 1.0) : 0;
      out_ += fmt::format(
          "<tr><td>{}</td><td class=\"track\"><div class=\"bar\" style=\"width:{:.1f}%\"></div>"
          "</td><td class=\"right\">{}</td></tr>\n",
          EscapeHtml(bar.label), 100 * share, EscapeHtml(bar.note));
    }
    out_ += "</table>\n";
  }

 private:
  void CloseList() {
    if (in_list_) out_ += "</ul>\n";
    in_list_ = false;
  }

  void Row(const Table& table, const std::vector<std::string>& cells, std::string_view tag) {
    out_ += "<tr>";
    for (size_t i = 0; i < cells.size(); ++i) {
      const bool right = i < table.right_aligned.size() && table.right_aligned[i];
      out_ += fmt::format("<{}{}>{}</{}>", tag, right ? " class=\"right\"" : "",
                          EscapeHtml(cells[i]), tag);
    }
    out_ += "</tr>\n";
  }

  std::string out_;
  bool in_list_ = false;
};

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string RenderHtml(const Document& document, std::string_view title) {
  HtmlRenderer renderer;
  for (const Part& part : document.parts) std::visit(renderer, part);
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n{2}</body>\n</"
      "html>\n",
      EscapeHtml(title), kStyle, renderer.Take());
}

}  // namespace vramcast
