#include "nanochat/source_edit.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/text.h"
#include "nanochat/python_source.h"

namespace vramcast::nanochat {
namespace {

constexpr int kGroups = 10;
constexpr std::string_view kLevel = "    ";

// Bytes [begin, end) of the source become `text`.
struct Change {
  size_t begin = 0, end = 0;
  std::string text;
};

using Groups = std::array<re2::StringPiece, kGroups>;

std::string Fill(std::string_view text, const Groups& groups) {
  std::string filled;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] >= '1' && text[i + 1] <= '9') {
      const re2::StringPiece& group = groups[static_cast<size_t>(text[++i] - '0')];
      filled.append(group.data(), group.size());
    } else {
      filled += text[i];
    }
  }
  return filled;
}

// Python reads `pattern` as code: the dot takes line ends too.
re2::RE2::Options Options() {
  re2::RE2::Options options;
  options.set_dot_nl(true);
  options.set_log_errors(false);
  return options;
}

class Editor {
 public:
  Editor(std::string_view source, std::vector<PythonStatement> statements)
      : source_(source),
        statements_(std::move(statements)),
        end_(source.find("\r\n") == std::string_view::npos ? "\n" : "\r\n") {}

  Status Add(const SourceEdit& edit) {
    const re2::RE2 find{re2::StringPiece(edit.find), Options()};
    const re2::RE2 block{re2::StringPiece(edit.block), Options()};
    const re2::RE2 scope{re2::StringPiece(edit.scope), Options()};
    if (!find.ok() || !block.ok() || !scope.ok()) {
      return tl::make_unexpected(
          Error{ErrorKind::kInternal, "a pattern is wrong: " + find.error()});
    }
    int found = 0;
    for (const PythonStatement& statement : statements_) {
      if (!re2::RE2::FullMatch(statement.scope, scope)) continue;
      if (!edit.block.empty() && !re2::RE2::FullMatch(statement.block, block)) continue;
      Groups groups;
      const re2::StringPiece code(statement.code);
      const int count = std::min(kGroups, find.NumberOfCapturingGroups() + 1);
      if (!find.Match(code, 0, code.size(), re2::RE2::ANCHOR_BOTH, groups.data(), count)) continue;
      ++found;
      Change(statement, edit, groups);
    }
    if (found == edit.times) return {};
    const std::string place =
        edit.scope.empty() ? "at its top level" : "in " + std::string(edit.scope);
    return UsageError(std::string(edit.file) + " has " + std::to_string(found) +
                      " statements like /" + std::string(edit.find) + "/ " + place + ", not " +
                      std::to_string(edit.times));
  }

  Result<std::string> Apply() {
    std::stable_sort(changes_.begin(), changes_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::string text;
    size_t at = 0;
    for (const nanochat::Change& change : changes_) {
      if (change.begin < at) {
        return tl::make_unexpected(Error{ErrorKind::kInternal, "two edits meet in one statement"});
      }
      text.append(source_, at, change.begin - at);
      text += change.text;
      at = change.end;
    }
    text.append(source_, at);
    return text;
  }

 private:
  // Every line of `put` with the statement's indentation and the file's line ends.
  std::string Lines(const PythonStatement& statement, const std::string& put) const {
    std::string text;
    for (const std::string_view line : Split(put, '\n')) {
      if (!line.empty()) text += statement.indent + std::string(line);
      text += end_;
    }
    return text;
  }

  void Change(const PythonStatement& statement, const SourceEdit& edit, const Groups& groups) {
    const std::string put = Fill(edit.put, groups);
    switch (edit.place) {
      case EditPlace::kReplace: {
        std::string text = Lines(statement, put);
        text.resize(text.size() - end_.size());
        changes_.push_back({statement.line_begin, statement.end, std::move(text)});
        break;
      }
      case EditPlace::kBefore:
        changes_.push_back({statement.line_begin, statement.line_begin, Lines(statement, put)});
        break;
      case EditPlace::kAfter: {
        std::string text = Lines(statement, put);
        // The last line of a file may lack its line end.
        if (!source_.substr(0, statement.line_end).ends_with('\n')) text.insert(0, end_);
        changes_.push_back({statement.line_end, statement.line_end, std::move(text)});
        break;
      }
      case EditPlace::kIndent:
        Indent(statement);
        break;
    }
  }

  void Indent(const PythonStatement& statement) {
    for (size_t line = statement.line_begin; line < statement.line_end;) {
      changes_.push_back({line, line, std::string(kLevel)});
      const size_t next = source_.find('\n', line);
      if (next == std::string_view::npos) break;
      line = next + 1;
    }
  }

  std::string_view source_;
  std::vector<PythonStatement> statements_;
  std::string end_;
  std::vector<nanochat::Change> changes_;
};

}  // namespace

Result<std::string> ApplyEdits(std::string_view source, std::span<const SourceEdit> edits) {
  auto statements = ReadPython(source);
  if (!statements) return tl::make_unexpected(statements.error());
  Editor editor(source, std::move(*statements));
  for (const SourceEdit& edit : edits) {
    if (const Status status = editor.Add(edit); !status) return tl::make_unexpected(status.error());
  }
  return editor.Apply();
}

}  // namespace vramcast::nanochat
