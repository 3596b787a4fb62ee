#include "command/lexer.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace vramcast::command {
namespace {

constexpr int kMaxDepth = 32;  // of ${a:-${b:-…}}; deeper nesting is skipped as unknown

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void AppendUtf8(std::string& out, uint32_t code) {
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18 & 7)), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F)),
        put(0x80 | (code & 0x3F));
  }
}

// Bytes join the literal before them if they are quoted alike and adjacent in meaning.
void AddLiteral(std::vector<Piece>& pieces, std::string_view text, Span span, bool quoted) {
  if (!pieces.empty() && pieces.back().kind == PieceKind::kLiteral &&
      pieces.back().quoted == quoted) {
    pieces.back().text += text;
    pieces.back().span.end = span.end;
    return;
  }
  Piece piece;
  piece.span = span;
  piece.quoted = quoted;
  piece.text = text;
  pieces.push_back(std::move(piece));
}

// The character that \c stands for in $'…', for the escapes of one letter.
std::optional<char> SimpleEscape(char c) {
  switch (c) {
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'e':
    case 'E':
      return '\x1b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case '\\':
    case '\'':
    case '"':
    case '?':
      return c;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool IsNameStart(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsNameChar(char c) { return IsNameStart(c) || IsDigit(c); }
bool IsMeta(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '&' || c == '|' ||
         c == '<' || c == '>' || c == '(' || c == ')';
}

Lexer::Lexer(std::string_view text, Span span)
    : text_(text), pos_(span.begin), end_(std::min(span.end, text.size())) {}

bool Lexer::LooksAt(std::string_view token) const {
  return end_ - pos_ >= token.size() && text_.substr(pos_, token.size()) == token;
}

void Lexer::SkipBlanks() {
  while (!at_end()) {
    if (peek() == ' ' || peek() == '\t' || peek() == '\r') {
      ++pos_;
    } else if (LooksAt("\\\n")) {
      pos_ += 2;
    } else if (LooksAt("\\\r\n")) {
      pos_ += 3;
    } else {
      return;
    }
  }
}

void Lexer::SkipLine() {
  while (!at_end() && peek() != '\n') ++pos_;
}

void Lexer::SkipPast(char close, bool quoted) {
  // One closing character per open bracket or quote. A stack instead of recursion: the text may
  // nest as deeply as it likes.
  std::string open(1, close);
  while (!at_end() && !open.empty()) {
    const char c = text_[pos_++];
    const char top = open.back();
    if (c == '\\' && top != '\'') {
      if (!at_end()) ++pos_;
    } else if (c == top) {
      open.pop_back();
    } else if (top == '\'') {
      continue;
    } else if (c == '$' && (peek() == '(' || peek() == '{')) {
      open += text_[pos_++] == '(' ? ')' : '}';
    } else if (c == '"' || c == '`') {
      open += c;
    } else if (c == '\'' && top != '"' && !(quoted && open.size() == 1)) {
      open += c;
    } else if (top == ')' && c == '(') {
      open += ')';
    }
  }
}

Word Lexer::ReadWord() {
  Word word;
  word.span.begin = pos_;
  while (!at_end()) {
    const char c = peek();
    if ((c == '<' || c == '>') && peek(1) == '(' && word.pieces.empty()) {
      const size_t begin = pos_;
      pos_ += 2;
      SkipPast(')');
      Piece piece;
      piece.kind = PieceKind::kSubstitution;
      piece.span = {begin, pos_};
      piece.text = text_.substr(begin, pos_ - begin);
      word.pieces.push_back(std::move(piece));
    } else if (IsMeta(c)) {
      break;
    } else if (c == '\'') {
      ReadSingleQuoted(word);
    } else if (c == '"') {
      ReadDoubleQuoted(word, 0);
    } else if (c == '$' && peek(1) == '\'') {
      ReadDollarQuoted(word);
    } else if (c == '$' && peek(1) == '"') {
      ++pos_;
      ReadDoubleQuoted(word, 0);
    } else if (c == '$') {
      ReadDollar(word.pieces, false, 0);
    } else if (c == '`') {
      ReadBackticks(word.pieces, false);
    } else if (LooksAt("\\\n")) {
      pos_ += 2;
    } else if (LooksAt("\\\r\n")) {
      break;
    } else {
      ReadUnquoted(word);
    }
  }
  word.span.end = pos_;
  return word;
}

void Lexer::ReadUnquoted(Word& word) {
  const size_t begin = pos_;
  if (peek() == '\\' && pos_ + 1 < end_) {
    AddLiteral(word.pieces, text_.substr(pos_ + 1, 1), {begin, pos_ + 2}, false);
    pos_ += 2;
    return;
  }
  do {
    ++pos_;
  } while (!at_end() && !IsMeta(peek()) && peek() != '\'' && peek() != '"' && peek() != '$' &&
           peek() != '`' && peek() != '\\');
  AddLiteral(word.pieces, text_.substr(begin, pos_ - begin), {begin, pos_}, false);
}

void Lexer::ReadSingleQuoted(Word& word) {
  const size_t begin = ++pos_;
  while (!at_end() && peek() != '\'') ++pos_;
  AddLiteral(word.pieces, text_.substr(begin, pos_ - begin), {begin, pos_}, true);
  if (!at_end()) ++pos_;
}

void Lexer::ReadDollarQuoted(Word& word) {
  pos_ += 2;
  const size_t begin = pos_;
  std::string text;
  while (!at_end() && peek() != '\'') {
    const char c = text_[pos_++];
    if (c != '\\' || at_end()) {
      text += c;
      continue;
    }
    const char kind = text_[pos_++];
    if (const auto simple = SimpleEscape(kind)) {
      text += *simple;
    } else if (kind == 'x' || kind == 'u' || kind == 'U') {
      const size_t most = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
      uint32_t code = 0;
      size_t digits = 0;
      for (; digits < most && HexDigit(peek()) >= 0; ++digits) {
        code = code * 16 + static_cast<uint32_t>(HexDigit(text_[pos_++]));
      }
      if (digits == 0) {
        text += {'\\', kind};
      } else if (kind == 'x') {
        text += static_cast<char>(code);
      } else {
        AppendUtf8(text, code);
      }
    } else if (kind >= '0' && kind <= '7') {
      int code = kind - '0';
      for (int i = 0; i < 2 && peek() >= '0' && peek() <= '7'; ++i) {
        code = code * 8 + (text_[pos_++] - '0');
      }
      text += static_cast<char>(code);
    } else if (kind == 'c' && !at_end()) {
      text += static_cast<char>(text_[pos_++] & 0x1F);
    } else {
      text += {'\\', kind};
    }
  }
  AddLiteral(word.pieces, text, {begin, pos_}, true);
  if (!at_end()) ++pos_;
}

void Lexer::ReadDoubleQuoted(Word& word, int depth) {
  ++pos_;
  AddLiteral(word.pieces, "", {pos_, pos_}, true);
  while (!at_end() && peek() != '"') {
    const size_t begin = pos_;
    const char c = peek();
    if (c == '\\' && pos_ + 1 < end_) {
      const char next = peek(1);
      pos_ += 2;
      if (next == '\n') continue;
      const bool special = next == '$' || next == '`' || next == '"' || next == '\\';
      AddLiteral(word.pieces, text_.substr(special ? begin + 1 : begin, special ? 1 : 2),
                 {begin, pos_}, true);
    } else if (c == '$') {
      ReadDollar(word.pieces, true, depth);
    } else if (c == '`') {
      ReadBackticks(word.pieces, true);
    } else {
      while (!at_end() && peek() != '"' && peek() != '\\' && peek() != '$' && peek() != '`') ++pos_;
      if (pos_ == begin) ++pos_;  // a backslash at the end of the text
      AddLiteral(word.pieces, text_.substr(begin, pos_ - begin), {begin, pos_}, true);
    }
  }
  if (!at_end()) ++pos_;
}

void Lexer::ReadDollar(std::vector<Piece>& pieces, bool quoted, int depth) {
  const size_t begin = pos_++;
  Piece piece;
  piece.quoted = quoted;
  const char c = peek();
  if (c == '{') {
    ++pos_;
    ReadBraced(pieces, quoted, begin, depth);
    return;
  }
  if (c == '(') {
    const bool arithmetic = peek(1) == '(';
    ++pos_;
    SkipPast(')');
    piece.span = {begin, pos_};
    piece.text = text_.substr(begin, pos_ - begin);
    piece.kind = PieceKind::kSubstitution;
    if (arithmetic && piece.text.size() >= 5 && piece.text.ends_with("))")) {
      piece.kind = PieceKind::kArithmetic;
      piece.text = piece.text.substr(3, piece.text.size() - 5);
    }
  } else if (IsNameStart(c)) {
    while (IsNameChar(peek())) ++pos_;
    piece.kind = PieceKind::kVariable;
    piece.span = {begin, pos_};
    piece.text = text_.substr(begin + 1, pos_ - begin - 1);
  } else if (IsDigit(c) ||
             (c != '\0' && std::string_view("@*#?$!-").find(c) != std::string::npos)) {
    ++pos_;
    piece.kind = PieceKind::kVariable;
    piece.span = {begin, pos_};
    piece.text = text_.substr(begin + 1, 1);
    if (c == '@' || c == '*') piece.expansion = Expansion::kAllElements;
  } else {
    AddLiteral(pieces, "$", {begin, pos_}, quoted);
    return;
  }
  pieces.push_back(std::move(piece));
}

void Lexer::ReadBraced(std::vector<Piece>& pieces, bool quoted, size_t begin, int depth) {
  Piece piece;
  piece.kind = PieceKind::kVariable;
  piece.quoted = quoted;
  piece.expansion = Expansion::kOther;
  const size_t name = pos_;
  if (IsDigit(peek())) {
    while (IsDigit(peek())) ++pos_;
  } else {
    while (IsNameChar(peek())) ++pos_;
  }
  piece.text = text_.substr(name, pos_ - name);
  if (!piece.text.empty()) {
    if (peek() == '}') {
      ++pos_;
      piece.expansion = Expansion::kPlain;
    } else if (LooksAt("[@]}") || LooksAt("[*]}")) {
      pos_ += 4;
      piece.expansion = Expansion::kAllElements;
    } else {
      const size_t colon = peek() == ':' ? 1 : 0;
      if ((peek(colon) == '-' || peek(colon) == '=') && depth < kMaxDepth) {
        pos_ += colon + 1;
        piece.fallback = ReadFallback(quoted, depth + 1);
        piece.expansion = Expansion::kDefault;
      }
    }
  }
  if (piece.expansion == Expansion::kOther) SkipPast('}', quoted);
  piece.span = {begin, pos_};
  pieces.push_back(std::move(piece));
}

std::vector<Piece> Lexer::ReadFallback(bool quoted, int depth) {
  Word word;
  while (!at_end() && peek() != '}') {
    const size_t begin = pos_;
    const char c = peek();
    if (c == '$') {
      ReadDollar(word.pieces, quoted, depth);
    } else if (c == '`') {
      ReadBackticks(word.pieces, quoted);
    } else if (c == '"') {
      ReadDoubleQuoted(word, depth);
    } else if (c == '\'' && !quoted) {
      ReadSingleQuoted(word);
    } else if (c == '\\' && pos_ + 1 < end_) {
      pos_ += 2;
      AddLiteral(word.pieces, text_.substr(begin + 1, 1), {begin, pos_}, quoted);
    } else {
      ++pos_;
      AddLiteral(word.pieces, text_.substr(begin, 1), {begin, pos_}, quoted);
    }
  }
  if (!at_end()) ++pos_;
  return std::move(word.pieces);
}

void Lexer::ReadBackticks(std::vector<Piece>& pieces, bool quoted) {
  const size_t begin = pos_++;
  while (!at_end() && peek() != '`') pos_ += peek() == '\\' && pos_ + 1 < end_ ? 2 : 1;
  if (!at_end()) ++pos_;
  Piece piece;
  piece.kind = PieceKind::kSubstitution;
  piece.span = {begin, pos_};
  piece.quoted = quoted;
  piece.text = text_.substr(begin, pos_ - begin);
  pieces.push_back(std::move(piece));
}

}  // namespace vramcast::command
