// Asks the real bash what a command line means.
#pragma once

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "command/quote.h"

namespace vramcast::command {

// The arguments that bash makes of `arguments`.
inline std::vector<std::string> BashArguments(const std::string& arguments) {
  // Through a second bash, so that the text may hold anything.
  const std::string script = "printf '%s\\0' " + arguments;
  const std::string command = "/bin/bash -c " + Quote(script) + " 2>/dev/null";
  const std::array<std::string, 3> outer = {"/bin/bash", "-c", command};
  FILE* pipe = popen(QuoteCommand(outer).c_str(), "r");
  std::vector<std::string> result;
  if (pipe == nullptr) return result;
  std::string word;
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) {
    if (c == '\0') {
      result.push_back(word);
      word.clear();
    } else {
      word += static_cast<char>(c);
    }
  }
  pclose(pipe);
  return result;
}

}  // namespace vramcast::command
