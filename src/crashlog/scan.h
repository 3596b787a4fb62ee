// Reads a log of any size in constant memory and says what died and how. Text is foreign: it may be
// binary, cut, coloured, wrapped, written by many ranks at once, or all on one line.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crashlog/report.h"

namespace vramcast::crashlog {

class Scanner {
 public:
  Scanner();
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  void Feed(std::string_view chunk);  // chunks may end anywhere
  LogReport Finish();                 // once, after the last chunk

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

LogReport ScanText(std::string_view text);
// Reads to the end; does not close `fd`. An unreadable source is an error, an empty one is not.
Result<LogReport> ScanFd(int fd);
Result<LogReport> ScanFile(const std::string& path);

}  // namespace vramcast::crashlog
