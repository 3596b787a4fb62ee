// A launch text as something to start: a command as it is; a script that was corrected as a copy
// beside the original, so that whatever it finds by its own place is still found, and no file of
// the person's is changed.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace vramcast::cli {

// What `run` was asked to start.
struct Asked {
  std::vector<std::string> argv;
  std::string text;    // that changes are made in: the command line, or the script that it runs
  std::string script;  // the script's path as it stands in argv; empty: `text` is the command line
};

// `bash runs/speedrun.sh` stands for what is in the script. A script that cannot be read is left
// to the shell to complain about.
Asked ReadAsked(const std::vector<std::string>& argv);

class Startable {
 public:
  // `text` in the place of what was asked for. Machine error: the copy cannot be written.
  static Result<Startable> Of(const Asked& asked, const std::string& text);
  Startable(Startable&& other) noexcept;
  Startable& operator=(Startable&&) = delete;
  ~Startable();  // removes the copy

  const std::vector<std::string>& argv() const { return argv_; }
  const std::string& copy() const { return copy_; }  // its path; empty: none was needed

 private:
  Startable() = default;
  std::vector<std::string> argv_;
  std::string copy_;
};

}  // namespace vramcast::cli
