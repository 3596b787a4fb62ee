#include "nanochat/python_source.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace vramcast::nanochat {
namespace {

// Brackets nested deeper than a program's.
constexpr size_t kDeepest = 200;

class Reader {
 public:
  explicit Reader(std::string_view source) : source_(source) {}

  Result<std::vector<PythonStatement>> Read() {
    while (at_ < source_.size()) {
      if (const Status status = ReadLine(); !status) return tl::make_unexpected(status.error());
    }
    return std::move(statements_);
  }

 private:
  struct Block {
    size_t indent = 0;
    std::string_view header;
    std::string name;  // of a class or function
  };

  char Look(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  void Step() {
    if (source_[at_] == '\n') ++line_;
    ++at_;
  }
  void SkipComment() {
    while (at_ < source_.size() && Look() != '\n') ++at_;
  }

  Status ReadString() {
    const size_t from = line_;
    const char quote = Look();
    const bool triple = Look(1) == quote && Look(2) == quote;
    at_ += triple ? 3 : 1;
    while (at_ < source_.size()) {
      const char c = Look();
      if (c == '\\') {
        Step();
        if (at_ < source_.size()) Step();
        continue;
      }
      if (c == '\n' && !triple) break;
      if (c == quote && (!triple || (Look(1) == quote && Look(2) == quote))) {
        at_ += triple ? 3 : 1;
        return {};
      }
      Step();
    }
    return UnreadableError("the string of line " + std::to_string(from) + " is never closed");
  }

  // One logical line, or a blank or comment line.
  Status ReadLine() {
    PythonStatement statement;
    statement.line_begin = at_;
    statement.line = line_;
    while (Look() == ' ' || Look() == '\t' || Look() == '\f') ++at_;
    statement.begin = at_;
    statement.indent = source_.substr(statement.line_begin, at_ - statement.line_begin);
    size_t end = at_;
    size_t depth = 0;
    while (at_ < source_.size()) {
      const char c = Look();
      if (c == '\n' && depth == 0) break;
      if (c == '#') {
        SkipComment();
      } else if (c == '"' || c == '\'') {
        if (const Status status = ReadString(); !status) return status;
        end = at_;
      } else if (c == '\\') {
        Step();
        if (Look() == '\r') Step();
        if (at_ < source_.size()) Step();
      } else {
        if (c == '(' || c == '[' || c == '{') ++depth;
        if ((c == ')' || c == ']' || c == '}') && depth > 0) --depth;
        if (depth > kDeepest) return UnreadableError("brackets are nested too deeply");
        Step();
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') end = at_;
      }
    }
    if (depth > 0) {
      return UnreadableError("a bracket of line " + std::to_string(statement.line) +
                             " is never closed");
    }
    if (at_ < source_.size()) Step();
    statement.end = end;
    statement.line_end = at_;
    statement.code = source_.substr(statement.begin, end - statement.begin);
    if (!statement.code.empty()) Place(std::move(statement));
    return {};
  }

  static std::string NameOf(std::string_view header) {
    if (header.starts_with("async ")) header.remove_prefix(6);
    for (const std::string_view keyword : {"class ", "def "}) {
      if (!header.starts_with(keyword)) continue;
      const std::string_view rest = Trim(header.substr(keyword.size()));
      return std::string(rest.substr(0, rest.find_first_of("(: [")));
    }
    return {};
  }

  void Place(PythonStatement statement) {
    const size_t indent = statement.indent.size();
    while (!blocks_.empty() && blocks_.back().indent >= indent) blocks_.pop_back();
    for (const Block& block : blocks_) {
      if (block.name.empty()) continue;
      if (!statement.scope.empty()) statement.scope += '.';
      statement.scope += block.name;
    }
    if (!blocks_.empty()) statement.block = blocks_.back().header;
    if (statement.code.ends_with(':')) {
      blocks_.push_back({indent, statement.code, NameOf(statement.code)});
    }
    statements_.push_back(std::move(statement));
  }

  std::string_view source_;
  size_t at_ = 0;
  size_t line_ = 1;
  std::vector<Block> blocks_;
  std::vector<PythonStatement> statements_;
};

}  // namespace

Result<std::vector<PythonStatement>> ReadPython(std::string_view source) {
  return Reader(source).Read();
}

}  // namespace vramcast::nanochat
