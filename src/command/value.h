// What a word of a script will be when the script runs, as far as the script itself tells.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command/shell.h"

namespace vramcast::command {

struct Value {
  std::optional<std::string> text;      // unknown if empty
  std::vector<std::string> candidates;  // where it is one of several (loops, branches), in order
  std::string unless_set;   // the environment variable that would override `text`; empty: none
  std::string why_unknown;  // "$DEPTH is not set in this text"
};

// A word as the command receives it, and where to write to change it.
struct Argument {
  Value value;
  Word word;            // spans in the script's text
  std::string through;  // the variable whose value this word is part of; empty: written in place
};

// Where a variable gets its value.
struct AssignmentSite {
  Span whole;    // NAME=…
  Span literal;  // the bytes to overwrite to give it another value
};

// A variable of the script, as its last assignments leave it.
struct Binding {
  Value value;  // of a scalar
  bool is_array = false;
  std::vector<Argument> arguments;     // what it becomes without quotes; empty: not known
  std::optional<AssignmentSite> site;  // empty: no single place decides the value
};

// The variables of a script as they stand while it is read from the top.
class Variables {
 public:
  // Takes in what `command` assigns; nothing is executed.
  void Observe(std::string_view text, const Command& command);

  Value Evaluate(const std::vector<Piece>& pieces) const;
  // The arguments that a word becomes: variables that hold several words are taken apart.
  std::vector<Argument> Expand(const Word& word) const;
  const Binding* Find(std::string_view name) const;

 private:
  void Assign(std::string_view text, const Assignment& assignment, bool conditional);
  Binding Bind(std::string_view text, const Assignment& assignment) const;
  Value EvaluatePiece(const Piece& piece) const;

  std::map<std::string, Binding, std::less<>> bindings_;
};

// The bytes whose replacement changes what `word` means: the word itself where it is literal, the
// fallback in a lone ${NAME:-fallback}. Nothing where no such bytes exist.
std::optional<Span> LiteralSpan(const Word& word);

}  // namespace vramcast::command
