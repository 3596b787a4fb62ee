// A program that runs while a test looks at it, and is gone when the test ends.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace vramcast::tests {

class Background {
 public:
  // Found in PATH; its output goes to `log`, if that is not empty, else nowhere.
  Background(const std::vector<std::string>& argv, const std::string& log,
             const std::map<std::string, std::string>& environment = {});
  ~Background();  // SIGTERM, then SIGKILL
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  bool running();

 private:
  pid_t pid_;
};

// Runs a program to its end; what it printed on standard output, and its exit code.
int RunProgram(const std::vector<std::string>& argv, std::string* out);

}  // namespace vramcast::tests
