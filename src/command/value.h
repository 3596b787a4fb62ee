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

// The variables of a script as they stand while it is read from the top.
class Variables {
 public:
  struct Binding {
    Assignment assignment;
    Value value;                      // of a scalar
    std::vector<Argument> arguments;  // what the variable becomes when it is not quoted
  };

  // Takes in what `command` assigns; nothing is executed.
  void Observe(std::string_view text, const Command& command);

  Value Evaluate(const std::vector<Piece>& pieces) const;
  // The arguments that a word becomes: variables that hold several words are taken apart.
  std::vector<Argument> Expand(const Word& word) const;
  const Binding* Find(std::string_view name) const;

 private:
  Binding Bind(std::string_view text, const Assignment& assignment) const;

  std::map<std::string, Binding, std::less<>> bindings_;
};

}  // namespace vramcast::command
