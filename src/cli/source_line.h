// Lines of the user's own Python files, as they stand on this machine now: a recording names file
// and line, and the line's text says which layer or tensor that is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vramcast::cli {

class SourceLines {
 public:
  // The line (counted from 1) without its indentation and comment, shortened to 100 bytes; empty
  // where there is no such file or line. Only regular files named *.py of at most 4 MiB are opened:
  // the path comes from a file that somebody else may have written.
  const std::string& Text(const std::string& path, uint64_t line);

 private:
  std::map<std::string, std::vector<std::string>> files_;
};

}  // namespace vramcast::cli
