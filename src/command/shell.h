// Bash text taken apart without losing a byte: every word, assignment and command of a launch
// script knows the bytes it came from, so that an edit touches those and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vramcast::command {

// Bytes [begin, end) of the text that was read.
struct Span {
  size_t begin = 0;
  size_t end = 0;

  size_t size() const { return end - begin; }
  bool operator==(const Span&) const = default;
};

enum class PieceKind : uint8_t {
  kLiteral,       // `text` is what it means, quotes and backslashes removed
  kVariable,      // $NAME, ${NAME}, ${NAME:-fallback}; `text` is the name
  kSubstitution,  // $(…), `…`, <(…): unknown without running it; `text` is the source
  kArithmetic,    // $((…)); `text` is the expression
};

// How a ${…} treats its variable. Everything but plain, default and all-elements is unknown.
enum class Expansion : uint8_t { kPlain, kDefault, kAllElements, kOther };

struct Piece {
  PieceKind kind = PieceKind::kLiteral;
  Span span;            // without the quotes around it
  bool quoted = false;  // no word splitting
  std::string text;
  Expansion expansion = Expansion::kPlain;
  std::vector<Piece> fallback;  // of kDefault
};

struct Word {
  Span span;  // with its quotes
  std::vector<Piece> pieces;

  // Nothing in it depends on a variable or on a command.
  bool is_literal() const;
  // The literal pieces joined; only the whole truth if is_literal().
  std::string literal() const;
};

// NAME=word or NAME=(word…), also as an argument of export, local, declare and readonly.
struct Assignment {
  std::string name;
  Span span;
  bool is_array = false;
  bool appends = false;     // NAME+=…
  std::vector<Word> words;  // one, unless it is an array
};

enum class CommandKind : uint8_t { kSimple, kForLoop };

// One simple command with the assignments before it, or the head of a `for` loop.
struct Command {
  CommandKind kind = CommandKind::kSimple;
  Span span;  // from its first assignment or word to its last word; redirections may lie inside
  size_t line = 1;
  int condition_depth = 0;  // how many if, while, case, && and || decide whether it runs
  std::vector<Assignment> assignments;  // before the words, or the arguments of export and its like
  std::vector<Word> words;              // of a for loop: the words it goes through
  std::string loop_variable;
};

struct Script {
  std::string text;
  std::vector<Command> commands;  // in the order in which they stand

  std::string_view Source(Span span) const {
    return std::string_view(text).substr(span.begin, span.size());
  }
};

// Reads any text: what bash would call a syntax error is read as well as it can be, never refused.
Script ParseScript(std::string text);

// The commands in bytes [span.begin, span.end) of `text`, with spans into the whole text: for a
// command that stands inside quotes, as in bash -c "…".
std::vector<Command> ParseCommands(std::string_view text, Span span);

// The words in that range, as word splitting makes them of a variable's value: quotes mean nothing.
std::vector<Word> SplitWords(std::string_view text, Span span);

// 1-based line of a byte.
size_t LineOf(std::string_view text, size_t offset);

}  // namespace vramcast::command
