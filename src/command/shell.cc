#include "command/shell.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "command/lexer.h"

namespace vramcast::command {
namespace {

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

class Parser {
 public:
  Parser(std::string_view text, Span span) : text_(text), lexer_(text, span) {}

  std::vector<Command> Parse() {
    while (!lexer_.at_end()) Step();
    Finish();
    return std::move(commands_);
  }

 private:
  bool fresh() const { return current_.words.empty() && current_.assignments.empty(); }

  void Step() {
    lexer_.SkipBlanks();
    if (lexer_.at_end()) return;
    const char c = lexer_.peek();
    if (c == '#') {
      lexer_.SkipLine();
    } else if (c == '\n') {
      Finish();
      and_or_ = 0;
      lexer_.set_pos(lexer_.pos() + 1);
      SkipHeredocs();
    } else if (lexer_.LooksAt("&>") || ((c == '<' || c == '>') && lexer_.peek(1) != '(')) {
      ReadRedirection();
    } else if (c == ';' || c == '&' || c == '|') {
      Finish();
      const bool conditional = lexer_.LooksAt("&&") || lexer_.LooksAt("||");
      if (conditional) {
        and_or_ = 1;
      } else if (c != '|') {
        and_or_ = 0;
      }
      lexer_.set_pos(lexer_.pos() + (conditional ? 2 : 1));
    } else if (c == '(' || c == ')') {
      if (c == '(' && current_.words.size() == 1 && current_.assignments.empty()) {
        current_ = {};  // name(): a function, whose body is read like any other text
      }
      Finish();
      const bool arithmetic = lexer_.LooksAt("((");
      lexer_.set_pos(lexer_.pos() + 1);
      if (arithmetic) lexer_.SkipPast(')');
    } else {
      ReadItem();
    }
  }

  void ReadItem() {
    const size_t begin = lexer_.pos();
    const bool declares = !current_.words.empty() && current_.words.front().is_literal() &&
                          IsOneOf(current_.words.front().literal(),
                                  {"export", "local", "declare", "readonly", "typeset"});
    if (current_.words.empty() || declares) {
      if (auto assignment = ReadAssignment()) {
        Touch(assignment->span);
        current_.assignments.push_back(std::move(*assignment));
        return;
      }
    }
    Word word = lexer_.ReadWord();
    if (word.span.size() == 0) {  // a character that begins nothing
      lexer_.set_pos(begin + 1);
      return;
    }
    const bool plain = word.pieces.size() == 1 && word.pieces.front().kind == PieceKind::kLiteral &&
                       !word.pieces.front().quoted;
    if (plain && (lexer_.peek() == '<' || lexer_.peek() == '>') &&
        word.literal().find_first_not_of("0123456789") == std::string::npos) {
      return;  // the 2 of 2>&1
    }
    if (plain && fresh() && ReadKeyword(word.literal())) return;
    Touch(word.span);
    current_.words.push_back(std::move(word));
  }

  // NAME=, NAME+=, NAME[i]= at the position, with its value.
  std::optional<Assignment> ReadAssignment() {
    const size_t begin = lexer_.pos();
    size_t length = 0;
    if (!IsNameStart(lexer_.peek())) return std::nullopt;
    while (IsNameChar(lexer_.peek(length))) ++length;
    Assignment assignment;
    assignment.name = text_.substr(begin, length);
    if (lexer_.peek(length) == '[') {
      while (lexer_.peek(length) != ']') {
        if (IsMeta(lexer_.peek(length)) || lexer_.peek(length) == '\0') return std::nullopt;
        ++length;
      }
      ++length;
      assignment.appends = true;  // one element: what the others are is another matter
    }
    if (lexer_.peek(length) == '+' && lexer_.peek(length + 1) == '=') {
      ++length;
      assignment.appends = true;
    }
    if (lexer_.peek(length) != '=') return std::nullopt;
    lexer_.set_pos(begin + length + 1);
    if (lexer_.peek() == '(') {
      assignment.is_array = true;
      ReadArray(assignment.words);
    } else {
      assignment.words.push_back(lexer_.ReadWord());
    }
    assignment.span = {begin, lexer_.pos()};
    return assignment;
  }

  void ReadArray(std::vector<Word>& words) {
    lexer_.set_pos(lexer_.pos() + 1);
    while (!lexer_.at_end()) {
      lexer_.SkipBlanks();
      if (lexer_.peek() == '#') lexer_.SkipLine();
      if (lexer_.at_end() || lexer_.peek() == ')') break;
      Word word = lexer_.ReadWord();
      if (word.span.size() == 0) {
        lexer_.set_pos(lexer_.pos() + 1);
      } else {
        words.push_back(std::move(word));
      }
    }
    if (!lexer_.at_end()) lexer_.set_pos(lexer_.pos() + 1);
  }

  // True if `word`, the first of a command, is grammar and not a command.
  bool ReadKeyword(const std::string& word) {
    if (IsOneOf(word, {"if", "while", "until"})) {
      blocks_.push_back(true);
    } else if (word == "for" || word == "select") {
      blocks_.push_back(false);
      ReadForHead();
    } else if (word == "case") {
      blocks_.push_back(true);
      while (!lexer_.at_end()) {
        lexer_.SkipBlanks();
        const Word subject = lexer_.ReadWord();
        if (subject.span.size() == 0 || subject.literal() == "in") break;
      }
    } else if (IsOneOf(word, {"fi", "done", "esac"})) {
      if (!blocks_.empty()) blocks_.pop_back();
    } else if (word == "function") {
      lexer_.SkipBlanks();
      lexer_.ReadWord();
    } else if (word == "[[") {
      SkipTest();
    } else {
      return IsOneOf(word, {"then", "else", "elif", "do", "{", "}", "!"});
    }
    return true;
  }

  void ReadForHead() {
    const size_t begin = lexer_.pos();
    lexer_.SkipBlanks();
    if (lexer_.LooksAt("((")) return;
    Command head;
    head.kind = CommandKind::kForLoop;
    head.line = LineAt(begin);
    head.condition_depth = Depth();
    head.loop_variable = lexer_.ReadWord().literal();
    lexer_.SkipBlanks();
    const size_t after_name = lexer_.pos();
    if (lexer_.ReadWord().literal() != "in") {
      lexer_.set_pos(after_name);  // for NAME; do: the script's own arguments
    } else {
      for (;;) {
        lexer_.SkipBlanks();
        Word word = lexer_.ReadWord();
        if (word.span.size() == 0) break;
        head.words.push_back(std::move(word));
      }
    }
    head.span = {begin, lexer_.pos()};
    commands_.push_back(std::move(head));
  }

  void SkipTest() {
    while (!lexer_.at_end() && lexer_.peek() != '\n') {
      lexer_.SkipBlanks();
      const Word word = lexer_.ReadWord();
      if (word.literal() == "]]") return;
      if (word.span.size() == 0 && lexer_.peek() != '\n' && !lexer_.at_end()) {
        lexer_.set_pos(lexer_.pos() + 1);
      }
    }
  }

  void ReadRedirection() {
    const bool heredoc = lexer_.LooksAt("<<") && lexer_.peek(2) != '<';
    const bool strips_tabs = lexer_.LooksAt("<<-");
    if (heredoc) {
      lexer_.set_pos(lexer_.pos() + (strips_tabs ? 3 : 2));
    } else {
      while (lexer_.peek() == '<' || lexer_.peek() == '>' || lexer_.peek() == '&' ||
             lexer_.peek() == '|') {
        lexer_.set_pos(lexer_.pos() + 1);
      }
    }
    lexer_.SkipBlanks();
    const Word target = lexer_.ReadWord();
    if (heredoc) heredocs_.push_back({target.literal(), strips_tabs});
  }

  void SkipHeredocs() {
    for (const auto& [delimiter, strips_tabs] : heredocs_) {
      while (!lexer_.at_end()) {
        const size_t begin = lexer_.pos();
        lexer_.SkipLine();
        std::string_view line = text_.substr(begin, lexer_.pos() - begin);
        if (!lexer_.at_end()) lexer_.set_pos(lexer_.pos() + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        while (strips_tabs && line.starts_with('\t')) line.remove_prefix(1);
        if (line == delimiter) break;
      }
    }
    heredocs_.clear();
  }

  void Touch(Span span) {
    if (fresh()) {
      current_.span.begin = span.begin;
      current_.line = LineAt(span.begin);
      current_.condition_depth = Depth();
    }
    current_.span.end = span.end;
  }

  void Finish() {
    if (!fresh()) commands_.push_back(std::move(current_));
    current_ = {};
  }

  int Depth() const {
    return static_cast<int>(std::count(blocks_.begin(), blocks_.end(), true)) + and_or_;
  }

  // Positions only grow, so counting goes on from the last one.
  size_t LineAt(size_t offset) {
    line_ += static_cast<size_t>(std::count(text_.begin() + static_cast<ptrdiff_t>(counted_),
                                            text_.begin() + static_cast<ptrdiff_t>(offset), '\n'));
    counted_ = offset;
    return line_;
  }

  struct Heredoc {
    std::string delimiter;
    bool strips_tabs;
  };

  std::string_view text_;
  Lexer lexer_;
  Command current_;
  std::vector<Command> commands_;
  std::vector<bool> blocks_;  // open blocks; true: whether it runs depends on something
  std::vector<Heredoc> heredocs_;
  int and_or_ = 0;
  size_t line_ = 1;
  size_t counted_ = 0;
};

}  // namespace

bool Word::is_literal() const {
  return std::all_of(pieces.begin(), pieces.end(),
                     [](const Piece& piece) { return piece.kind == PieceKind::kLiteral; });
}

std::string Word::literal() const {
  std::string text;
  for (const Piece& piece : pieces) {
    if (piece.kind == PieceKind::kLiteral) text += piece.text;
  }
  return text;
}

Script ParseScript(std::string text) {
  Script script;
  script.text = std::move(text);
  script.commands = ParseCommands(script.text, {0, script.text.size()});
  return script;
}

std::vector<Command> ParseCommands(std::string_view text, Span span) {
  return Parser(text, span).Parse();
}

std::vector<Word> SplitWords(std::string_view text, Span span) {
  std::vector<Word> words;
  size_t pos = span.begin;
  const size_t end = std::min(span.end, text.size());
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (pos < end) {
    if (blank(text[pos])) {
      ++pos;
      continue;
    }
    const size_t begin = pos;
    // Expansions inside the value were made when it was assigned: a space in them does not count.
    Word word;
    while (pos < end && !blank(text[pos])) {
      Lexer lexer(text, {pos, end});
      if (text[pos] == '$') {
        const Word expanded = lexer.ReadWord();
        word.pieces.insert(word.pieces.end(), expanded.pieces.begin(), expanded.pieces.end());
        pos = std::max(lexer.pos(), pos + 1);
      } else {
        Piece piece;
        piece.span.begin = pos;
        while (pos < end && !blank(text[pos]) && text[pos] != '$') ++pos;
        piece.span.end = pos;
        piece.text = text.substr(piece.span.begin, piece.span.size());
        word.pieces.push_back(std::move(piece));
      }
    }
    word.span = {begin, pos};
    words.push_back(std::move(word));
  }
  return words;
}

size_t LineOf(std::string_view text, size_t offset) {
  const size_t end = std::min(offset, text.size());
  return 1 + static_cast<size_t>(
                 std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(end), '\n'));
}

}  // namespace vramcast::command
