#include "crashlog/traceback.h"

#include <re2/re2.h>

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace vramcast::crashlog {
namespace {

constexpr size_t kMostFrames = 48;
constexpr size_t kMostText = 240;
// Notebooks print ten lines around each frame's own; what is farther away belongs to something
// else.
constexpr size_t kQuietLines = 24;
constexpr size_t kFarthestBefore = 600;
constexpr size_t kFarthestAfter = 60;

bool IsStart(std::string_view text) { return Contains(text, "Traceback (most recent call last)"); }

std::string Short(std::string_view text) { return std::string(text.substr(0, kMostText)); }

// The line that opens a frame, if it does.
std::optional<Frame> OpenFrame(const std::string& text) {
  static const RE2 kPython(R"re(^\s*(?:File )?"?([^"]*)", line (\d{1,9})(?:, in (.*))?)re");
  static const RE2 kNotebook(R"(^\s*File (\S[^:"]*):(\d{1,9})(?:, in (.+))?)");
  static const RE2 kCell(R"(^\s*(?:Input )?(Cell In ?\[\d+\]), line (\d{1,9}))");
  static const RE2 kOldNotebook(R"(^\s*([~/<][^ ]*) in ([\w.<>]+)\()");
  static const RE2 kPytest(R"(^\s*(\S+\.py):(\d{1,9}): in (\S+))");
  static const RE2 kLua(R"(^\s*(\S+\.lua):(\d{1,9}): in (?:function|method) '?([\w.]+))");
  static const RE2 kCpp(R"(^\s*frame #\d+: (.+?) \+ 0x)");
  Frame frame;
  std::string number;
  if (Contains(text, "line ") &&
      RE2::PartialMatch(text, kPython, &frame.file, &number, &frame.function)) {
    // as printed
  } else if (Contains(text, "File ") &&
             RE2::PartialMatch(text, kNotebook, &frame.file, &number, &frame.function)) {
    frame.function = frame.function.substr(0, frame.function.find('('));
  } else if (Contains(text, "Cell In") && RE2::PartialMatch(text, kCell, &frame.file, &number)) {
    frame.function = "<module>";
  } else if (Contains(text, ".py:") &&
             RE2::PartialMatch(text, kPytest, &frame.file, &number, &frame.function)) {
    // as printed
  } else if (Contains(text, ".lua:") &&
             RE2::PartialMatch(text, kLua, &frame.file, &number, &frame.function)) {
    // as printed
  } else if (Contains(text, "frame #") && RE2::PartialMatch(text, kCpp, &frame.function)) {
    // no file
  } else if (Contains(text, " in ") &&
             RE2::PartialMatch(text, kOldNotebook, &frame.file, &frame.function)) {
    // the line number stands at the arrow
  } else {
    return std::nullopt;
  }
  frame.file = Short(frame.file);
  frame.function = Short(Trim(frame.function));
  frame.line = ParseInt(number).value_or(0);
  return frame;
}

// Source text of the frame that was opened last, if the line is that.
std::optional<std::string> CodeOf(const std::string& text, bool right_after) {
  static const RE2 kArrow(R"(^\s*-+> ?\d*\s?(.*))");
  std::string code;
  if (Contains(text, "->") && RE2::PartialMatch(text, kArrow, &code)) {
    return Short(Trim(code));
  }
  const std::string_view trimmed = Trim(text);
  if (!right_after || trimmed.empty() || trimmed.find_first_not_of("^~ ") == std::string::npos ||
      trimmed.substr(0, 3) == "[..") {
    return std::nullopt;
  }
  return Short(trimmed);
}

std::vector<Frame> Parse(std::span<const CleanLine> lines, std::optional<int64_t> rank) {
  std::vector<Frame> frames;
  bool right_after = false;
  bool notebook = false;
  for (const CleanLine& line : lines) {
    if (rank && line.rank && *rank != *line.rank) {
      continue;
    }
    if (auto frame = OpenFrame(line.text)) {
      notebook =
          frame->line == 0 || Contains(line.text, "Cell In") || !Contains(line.text, "\", line ");
      // Output that was written twice repeats each line.
      if (frames.empty() || frames.back().file != frame->file ||
          frames.back().line != frame->line || frame->line == 0) {
        frames.push_back(std::move(*frame));
      }
      right_after = true;
      continue;
    }
    if (!frames.empty()) {
      const bool may_be_code = right_after && (!notebook || Contains(line.text, "->") ||
                                               Contains(frames.back().file, ".py"));
      if (auto code = CodeOf(line.text, may_be_code)) {
        if (frames.back().code.empty() || Contains(line.text, "--> ")) {
          frames.back().code = std::move(*code);
        }
      }
    }
    right_after = false;
  }
  if (frames.size() > kMostFrames) {
    frames.erase(frames.begin(), frames.end() - static_cast<ptrdiff_t>(kMostFrames));
  }
  return frames;
}

}  // namespace

std::vector<Frame> ReadFrames(std::span<const CleanLine> lines, size_t message,
                              std::optional<int64_t> rank) {
  if (message >= lines.size()) {
    return {};
  }
  size_t begin = message;
  size_t quiet = 0;
  const size_t floor = message > kFarthestBefore ? message - kFarthestBefore : 0;
  for (size_t i = message; i-- > floor && quiet < kQuietLines;) {
    const CleanLine& line = lines[i];
    if (rank && line.rank && *rank != *line.rank) {
      continue;
    }
    if (IsStart(line.text)) {
      begin = i;
      break;
    }
    if (OpenFrame(line.text)) {
      begin = i;
      quiet = 0;
    } else {
      ++quiet;
    }
  }
  std::vector<Frame> frames = Parse(lines.subspan(begin, message - begin), rank);
  if (!frames.empty()) {
    return frames;
  }
  size_t end = message + 1;
  while (end < lines.size() && end < message + kFarthestAfter && !IsStart(lines[end].text)) {
    ++end;
  }
  return Parse(lines.subspan(message + 1, end - message - 1), rank);
}

}  // namespace vramcast::crashlog
