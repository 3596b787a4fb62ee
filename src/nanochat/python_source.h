// Python source as statements, so that a line can be found by what it says and where it stands, and
// changed without touching a byte around it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vramcast::nanochat {

// One logical line: a simple statement, or the header of a compound one. Offsets are into the
// source.
struct PythonStatement {
  size_t line_begin = 0;   // of its first physical line
  size_t begin = 0;        // of its code, after the indentation
  size_t end = 0;          // after its code, before a comment that follows it
  size_t line_end = 0;     // after the line end of its last physical line
  size_t line = 1;         // number of its first physical line
  std::string_view code;   // [begin, end)
  std::string indent;      // spaces or tabs before it
  std::string scope;       // names of the classes and functions around it: "GPT.forward"
  std::string_view block;  // the header around it, "if targets is not None:"; empty at top level
};

// The views point into `source`. Unreadable error where a bracket or string is never closed.
Result<std::vector<PythonStatement>> ReadPython(std::string_view source);

}  // namespace vramcast::nanochat
