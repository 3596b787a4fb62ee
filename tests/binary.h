// Runs the built vramcast as a user would: arguments, standard input and environment in; text and
// exit code out.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace vramcast::tests {

struct Outcome {
  int code = -1;  // exit code; 128 + signal if it was killed
  std::string out, err;

  nlohmann::json Json() const;  // standard output as one JSON value; a discarded value if it is not
};

struct Options {
  std::string input;                               // standard input
  std::map<std::string, std::string> environment;  // added to this process's environment
  std::string directory;                           // working directory; empty: this process's
};

Outcome RunVramcast(const std::vector<std::string>& arguments, const Options& options = {});

// The same of a shell script, in which $VRAMCAST is the binary.
Outcome RunShell(const std::string& script, const Options& options = {});

// A folder that is removed when the test ends.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& content) const;  // returns the path

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);

// The folder of measured data (VRAMCAST_DATA, default ../shared), if it is there.
std::optional<std::string> DataFolder();

}  // namespace vramcast::tests
