// A passage is a piece of the log read closely, with what terminals, launchers and people did to it
// undone: colours, prefixes on every line, escaped line ends, wrapping at any column.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vramcast::crashlog {

// One line (or one of several that were escaped into one) without its prefix.
struct CleanLine {
  std::string text;
  std::vector<uint32_t> at;     // for each byte of text, its offset in the passage's raw text
  uint32_t begin = 0;           // of the whole line in the raw text
  uint32_t end = 0;             // line end excluded
  uint32_t number = 0;          // line feeds before it
  std::optional<int64_t> rank;  // from the prefix
  std::optional<int64_t> pid;
};

// Colours and control characters removed; a prefix such as "[rank3]:", "# ", a time stamp or
// "(EngineCore pid=72)" is taken off and read. Long lines are cut at 128 KiB.
std::vector<CleanLine> CleanLines(std::string_view raw);

// The text in lower case without blanks, quotes, back-ticks, asterisks, back-slashes and bars, in
// which a message reads the same however it was wrapped. A blank between two digits stays (as one
// space), so that "GPU 1 15.57 GiB" does not become one number; a line end between them goes.
struct Compact {
  std::string text;
  std::vector<uint32_t> at;  // offset in the raw text

  // The offset in `text` of the first byte that stands at or after `raw`.
  size_t FromRaw(size_t raw) const;
};

// Of all lines but those that another rank than that of line `anchor` wrote. A prefix of an unknown
// kind that line `anchor` and those after it share is left out of the latter.
Compact MakeCompact(const std::vector<CleanLine>& lines, size_t anchor);

}  // namespace vramcast::crashlog
