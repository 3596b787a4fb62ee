// A change of Python source that is looked for by structure: the statement that says so, in that
// class and function, as often as expected and not once more. Whoever changed that statement gets a
// refusal instead of a guess.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vramcast::nanochat {

enum class EditPlace : uint8_t {
  kReplace,  // `put` takes the statement's place; a comment that follows it stays
  kBefore,   // lines of their own before it
  kAfter,    // lines of their own after it
  kIndent,  // the statement moves one level in; neighbours that are to move have edits of their own
};

struct SourceEdit {
  std::string_view file;   // "nanochat/gpt.py"
  std::string_view scope;  // regular expression: "GPT.forward"; empty: top level
  std::string_view block;  // regular expression of the header around it; empty: any
  std::string_view find;   // regular expression of the whole statement, line ends included
  EditPlace place = EditPlace::kReplace;
  // Lines, indented relative to the statement; \1 to \9 stand for the groups of `find`.
  std::string put = {};
  int times = 1;  // how many statements it has to find
};

// The edits of one file applied to its source, in any order. Usage error if a statement is not
// there as often as it has to be, or if two edits change the same one; unreadable error if it is
// not Python. Line ends stay as the file has them.
Result<std::string> ApplyEdits(std::string_view source, std::span<const SourceEdit> edits);

}  // namespace vramcast::nanochat
