// A log as diagnosis needs it: what crashlog read, and the lines around each death, where the words
// stand that no message repeats (what a server had done before, which code was running).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crashlog/report.h"

namespace vramcast::crashlog {
class Scanner;
}

namespace vramcast::diagnosis {

struct Line {
  uint64_t number = 0;  // counted from 1 in its file
  std::string text;     // without escape sequences and control characters
};

struct Log {
  std::string name;  // as the person gave it; "standard input" for -
  crashlog::LogReport report;
  std::vector<std::vector<Line>> around;  // beside report.events; empty where it could not be had
};

// Reads a file ("-": standard input) to its end in constant memory. Of standard input, which cannot
// be read twice, only deaths in its last MiB have lines around them. Unreadable error with the name
// in it.
Result<Log> ReadLog(const std::string& path);
// The same of a log that comes piece by piece.
class LogStream {
 public:
  LogStream();
  ~LogStream();
  LogStream(const LogStream&) = delete;
  LogStream& operator=(const LogStream&) = delete;

  void Feed(std::string_view piece);
  uint64_t bytes() const { return total_; }
  Log Finish(std::string name);  // once

 private:
  std::unique_ptr<crashlog::Scanner> scanner_;
  std::string tail_;
  uint64_t total_ = 0;
};

Log LogFromText(std::string name, std::string_view text);

}  // namespace vramcast::diagnosis
