// Runs a short-lived program and collects what it prints.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace vramcast::gpu {

struct ProgramOutput {
  int exit_code = 0;  // 128 + N if signal N ended it
  std::string text;   // standard output and standard error together, at most 4 MiB
};

// `arguments[0]` is looked up in PATH. Machine error: it cannot be started, or it did not end
// within `limit` (it is then killed).
Result<ProgramOutput> RunProgram(const std::vector<std::string>& arguments,
                                 std::chrono::milliseconds limit);

// From another thread: ends the program that runs now, and every later one at once, as if its time
// were up. For a program that is about to end itself.
void CancelPrograms();

}  // namespace vramcast::gpu
