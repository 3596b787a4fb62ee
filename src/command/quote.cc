#include "command/quote.h"

#include <algorithm>
#include <array>

#include "command/lexer.h"

namespace vramcast::command {
namespace {

bool IsPlain(char c) {
  return IsNameChar(c) || std::string_view("-./:=,@%+").find(c) != std::string_view::npos;
}
bool IsControl(char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; }

std::string QuoteControls(std::string_view word) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "$'";
  for (const char c : word) {
    if (c == '\'' || c == '\\') {
      quoted += {'\\', c};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (IsControl(c)) {
      // Octal has at most three digits, so a digit that follows is not swallowed.
      const auto byte = static_cast<unsigned char>(c);
      quoted += {'\\', kHex[byte >> 6], kHex[byte >> 3 & 7], kHex[byte & 7]};
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

// The length of NAME= at the start of `word`; 0 if it is no assignment.
size_t AssignmentPrefix(std::string_view word) {
  if (word.empty() || !IsNameStart(word.front())) return 0;
  const auto end = std::find_if_not(word.begin(), word.end(), IsNameChar);
  return end != word.end() && *end == '=' ? static_cast<size_t>(end - word.begin()) + 1 : 0;
}

}  // namespace

std::string Quote(std::string_view word) {
  if (std::any_of(word.begin(), word.end(), IsControl)) return QuoteControls(word);
  // A leading '=' is special to zsh.
  if (!word.empty() && word.front() != '=' && std::all_of(word.begin(), word.end(), IsPlain)) {
    return std::string(word);
  }
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string QuoteCommand(std::span<const std::string> argv) {
  std::string line;
  bool assigns = true;
  for (const std::string& word : argv) {
    if (!line.empty()) line += ' ';
    const size_t prefix = assigns ? AssignmentPrefix(word) : 0;
    assigns = prefix > 0;
    const std::string_view value = std::string_view(word).substr(prefix);
    line += word.substr(0, prefix);
    if (prefix == 0 || !value.empty()) line += Quote(value);
  }
  return line;
}

}  // namespace vramcast::command
