// Runs a command as it is: its output passes through untouched, signals reach it, its exit code
// comes back, and nothing that it started stays behind, even if this program is killed.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace vramcast::supervise {

struct ChildOptions {
  std::vector<std::string> argv;                                 // argv[0] is looked up in PATH
  std::vector<std::pair<std::string, std::string>> environment;  // added to this process's own
  // Give the command a pseudo-terminal where this process's standard output is a terminal, so that
  // progress bars and colours stay.
  bool allow_terminal = true;
  // All of the command's output to standard error (for --json).
  bool output_to_stderr = false;
  // How long a command that was asked to end may take before it is killed.
  std::chrono::milliseconds grace = std::chrono::seconds(30);
};

struct Ended {
  int code = 0;              // as a shell reports it: exit code, or 128 + signal
  int signal = 0;            // the signal that killed the command; 0 if it exited
  bool interrupted = false;  // a signal to this program was passed on
  size_t leftovers = 0;      // processes that it left behind and that were ended
  std::chrono::milliseconds duration{};
};

// Sees every byte of the command's output, in order of arrival.
using OutputTap = std::function<void(std::string_view)>;

// To be called while this process has one thread (see guardian.h).
// Unreadable error if the command cannot be started (not found, not executable).
Result<Ended> RunChild(const ChildOptions& options, const OutputTap& tap);

}  // namespace vramcast::supervise
