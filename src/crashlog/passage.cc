#include "crashlog/passage.h"

#include <re2/re2.h>

#include <algorithm>

namespace vramcast::crashlog {
namespace {

constexpr size_t kLongestLine = 128 << 10;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v'; }

// Each alternative is one thing that is put before a line. Numbers that mean something are caught:
// 1 to 5 the rank, 6 the process.
const RE2& PrefixPattern() {
  static const RE2* const kPattern = new RE2(
      R"((?:\[rank(\d{1,6})\]:?)"
      R"(|\[\d+,(\d{1,6})\]<std(?:out|err)>:?)"
      R"(|\[default(\d{1,6})\]:)"
      R"(|\[(\d{1,4})\]:\s)"
      R"(|(\d{1,4}):\s)"
      R"(|\([^()]{0,80}\bpid=(\d{1,9})[^()]{0,60}\))"
      R"(|- [\w.]+ - [A-Z]+ - )"
      R"(|\d{1,9}:)"
      R"(|[#>]+|//+|\*+\s|-{1,3}\s|\+\s|\||•|`{1,3})"
      R"(|\[?\s*\d{4}[-/]\d\d[-/]\d\d[T _]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|\s?[+-]\d\d:?\d\d)?\s*\]?:?)"
      R"(|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?)"
      R"(|\d\d-\d\d \d\d:\d\d:\d\d)"
      R"(|[A-Z][a-z][a-z] [ \d]?\d \d\d:\d\d:\d\d \S+ [\w./-]+(?:\[\d+\])?:)"
      R"(|[EWIF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [^\] ]{1,80}\])"
      R"(|\[?(?:INFO|WARNING|WARN|ERROR|DEBUG|CRITICAL|FATAL)\b\]?:?)"
      R"(|\[[\w./-]+\.(?:py|cc|cu|cpp|h):\d+(?::\w+)?\])"
      R"(|[A-Za-z][\w-]*-\d+:\s)"
      R"(|[\w.-]+\s+\|\s)\s*)");
  return *kPattern;
}

// Length of an ANSI sequence at the start of `text`, in any of the forms in which logs keep it.
size_t ColourLength(std::string_view text) {
  size_t i = 0;
  if (text[0] == '\x1b') {
    i = 1;
  } else if (text.substr(0, 4) == "\\x1b" || text.substr(0, 4) == "\\033") {
    i = 4;
  } else if (text.substr(0, 6) == "\\u001b" || text.substr(0, 6) == "\\u001B") {
    i = 6;
  } else {
    return 0;
  }
  if (i >= text.size() || text[i] != '[') {
    return i;
  }
  for (++i; i < text.size() && i < 32; ++i) {
    if (text[i] >= '@' && text[i] <= '~') {
      return i + 1;
    }
  }
  return i;
}

// A line end that a Python repr or a JSON string spells out. Windows paths have "\n" too; what
// follows there is a lower-case name.
bool IsEscapedLineEnd(std::string_view text, size_t i) {
  if (text[i] != '\\' || i + 1 >= text.size() || text[i + 1] != 'n') {
    return false;
  }
  const std::string_view rest = text.substr(i + 2);
  if (rest.empty() || rest[0] == '\\' || rest[0] == '"' || rest[0] == '\'') {
    return true;
  }
  const char c = rest[0];
  return IsBlank(c) || IsDigit(c) || c == '[' || c == '(' || c == '-' || (c >= 'A' && c <= 'Z') ||
         rest.substr(0, 6) == "torch.";
}

void StripPrefixes(CleanLine& line) {
  size_t start = 0;
  const auto skip_blanks = [&] {
    while (start < line.text.size() && IsBlank(line.text[start])) {
      ++start;
    }
  };
  std::string captured[6];
  size_t kept = 0;
  for (int round = 0; round < 10; ++round) {
    kept = start;
    skip_blanks();
    if (start >= line.text.size()) {
      break;
    }
    re2::StringPiece rest(line.text.data() + start, line.text.size() - start);
    if (!RE2::Consume(&rest, PrefixPattern(), &captured[0], &captured[1], &captured[2],
                      &captured[3], &captured[4], &captured[5])) {
      break;
    }
    for (int i = 0; i < 5; ++i) {
      if (!captured[i].empty() && !line.rank) {
        line.rank = std::stoll(captured[i]);
      }
    }
    if (!captured[5].empty() && !line.pid) {
      line.pid = std::stoll(captured[5]);
    }
    start = line.text.size() - rest.size();
  }
  // Indentation belongs to the text: traceback readers look at it.
  line.text.erase(0, kept);
  line.at.erase(line.at.begin(), line.at.begin() + static_cast<ptrdiff_t>(kept));
}

// Of two lines, what both start with if digits do not count, up to the last sign that ends a
// prefix.
size_t CommonPrefix(std::string_view a, std::string_view b) {
  size_t i = 0;
  size_t cut = 0;
  while (i < a.size() && i < b.size() && (a[i] == b[i] || (IsDigit(a[i]) && IsDigit(b[i])))) {
    ++i;
    const char c = a[i - 1];
    if (c == ':' || c == ']' || c == '|' || c == '>' || c == ')') {
      cut = i;
    }
  }
  return cut >= 3 ? cut : 0;
}

}  // namespace

std::vector<CleanLine> CleanLines(std::string_view raw) {
  std::vector<CleanLine> lines;
  size_t begin = 0;
  uint32_t number = 0;
  while (begin < raw.size()) {
    size_t end = begin;
    while (end < raw.size() && raw[end] != '\n' && raw[end] != '\r') {
      ++end;
    }
    const std::string_view body = raw.substr(begin, std::min(end - begin, kLongestLine));
    CleanLine line;
    line.begin = static_cast<uint32_t>(begin);
    const auto finish = [&](size_t stop) {
      line.end = static_cast<uint32_t>(stop);
      line.number = number;
      StripPrefixes(line);
      lines.push_back(std::move(line));
      line = CleanLine();
      line.begin = static_cast<uint32_t>(stop);
    };
    line.text.reserve(body.size());
    line.at.reserve(body.size());
    for (size_t i = 0; i < body.size();) {
      const char c = body[i];
      if (c == '\x1b' || c == '\\') {
        if (const size_t colour = ColourLength(body.substr(i)); colour > 0) {
          i += colour;
          continue;
        }
      }
      if (IsEscapedLineEnd(body, i)) {
        const auto rank = line.rank;
        finish(begin + i);
        line.rank = rank ? rank : lines.back().rank;
        i += 2;
        continue;
      }
      if (c == '\\' && i + 1 < body.size() && (body[i + 1] == '"' || body[i + 1] == '\'')) {
        ++i;  // the quote stays
        continue;
      }
      if (c != '\0') {
        line.text += c;
        line.at.push_back(static_cast<uint32_t>(begin + i));
      }
      ++i;
    }
    finish(end);
    begin = end + 1;
    if (end < raw.size() && raw[end] == '\r' && begin < raw.size() && raw[begin] == '\n') {
      ++begin;
      ++number;
    } else if (end < raw.size() && raw[end] == '\n') {
      ++number;
    }
  }
  return lines;
}

size_t Compact::FromRaw(size_t raw) const {
  return static_cast<size_t>(std::lower_bound(at.begin(), at.end(), raw) - at.begin());
}

Compact MakeCompact(const std::vector<CleanLine>& lines, size_t anchor) {
  Compact compact;
  const CleanLine* head = anchor < lines.size() ? &lines[anchor] : nullptr;
  for (size_t n = 0; n < lines.size(); ++n) {
    const CleanLine& line = lines[n];
    size_t i = 0;
    if (head != nullptr && n != anchor) {
      if (head->rank && line.rank && *head->rank != *line.rank) {
        continue;
      }
      if (n > anchor) {
        i = CommonPrefix(head->text, line.text);
      }
    }
    bool started = false;
    bool blank = false;  // since the last byte that stays, in this line
    for (; i < line.text.size(); ++i) {
      char c = line.text[i];
      if (IsBlank(c)) {
        blank = started;
        continue;
      }
      // A no-break space.
      if (c == '\xC2' && i + 1 < line.text.size() && line.text[i + 1] == '\xA0') {
        blank = started;
        ++i;
        continue;
      }
      if (c == '"' || c == '\'' || c == '`' || c == '*' || c == '\\' || c == '|') {
        continue;
      }
      if (c >= 'A' && c <= 'Z') {
        c = static_cast<char>(c + 32);
      }
      if (blank && IsDigit(c) && IsDigit(compact.text.back())) {
        compact.text += ' ';
        compact.at.push_back(line.at[i]);
      }
      blank = false;
      started = true;
      compact.text += c;
      compact.at.push_back(line.at[i]);
    }
  }
  return compact;
}

}  // namespace vramcast::crashlog
