// Characters of bash text to words: quotes, expansions, continuations. Used by the parser in
// shell.cc.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "command/shell.h"

namespace vramcast::command {

class Lexer {
 public:
  // Reads bytes [span.begin, span.end) of `text`; positions count from the start of `text`.
  Lexer(std::string_view text, Span span);

  bool at_end() const { return pos_ >= end_; }
  size_t pos() const { return pos_; }
  void set_pos(size_t pos) { pos_ = pos; }
  char peek(size_t ahead = 0) const { return pos_ + ahead < end_ ? text_[pos_ + ahead] : '\0'; }
  bool LooksAt(std::string_view token) const;

  // Blanks and line continuations; newlines stay.
  void SkipBlanks();
  void SkipLine();
  // Past the bracket that closes the one before pos(): ')' for "$(" and '}' for "${". Inside double
  // quotes an apostrophe at that level is only an apostrophe.
  void SkipPast(char close, bool quoted = false);
  // The word at pos(); empty (no bytes taken) before an operator, a newline or the end.
  Word ReadWord();

 private:
  void ReadUnquoted(Word& word);
  void ReadSingleQuoted(Word& word);
  void ReadDollarQuoted(Word& word);
  void ReadDoubleQuoted(Word& word, int depth);
  void ReadDollar(std::vector<Piece>& pieces, bool quoted, int depth);
  void ReadBraced(std::vector<Piece>& pieces, bool quoted, size_t begin, int depth);
  void ReadBackticks(std::vector<Piece>& pieces, bool quoted);
  std::vector<Piece> ReadFallback(bool quoted, int depth);

  std::string_view text_;
  size_t pos_;
  size_t end_;
};

bool IsNameStart(char c);
bool IsNameChar(char c);
// Characters that end an unquoted word.
bool IsMeta(char c);

}  // namespace vramcast::command
