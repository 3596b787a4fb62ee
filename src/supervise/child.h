// Runs a command as it is: its output passes through untouched, signals reach it, its exit code
// comes back, and nothing that it started stays behind, even if this program is killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "supervise/relay.h"

namespace vramcast::supervise {

// What is told again and again while the command runs.
struct Pulse {
  pid_t root = 0;                      // the command's processes are below this one
  std::chrono::milliseconds silent{};  // since it last wrote anything
};

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
  // Files and folders that are removed if this program is killed and cannot do it any more.
  std::vector<std::string> scratch;
  // Called about this often; false ends the command.
  std::function<bool(const Pulse&)> pulse;
  std::chrono::milliseconds pulse_every = std::chrono::seconds(1);
};

struct Ended {
  int code = 0;              // as a shell reports it: exit code, or 128 + signal
  int signal = 0;            // the signal that killed the command; 0 if it exited
  bool interrupted = false;  // somebody asked it to end: a signal to this program, or a key
  bool by_pulse = false;     // ended because `pulse` said so
  bool forced = false;       // it did not end in the time of grace and was killed
  size_t leftovers = 0;      // processes that it left behind and that were ended
  uint64_t dropped = 0;      // bytes of its output that could not be written
  int why_dropped = 0;       // errno
  std::chrono::milliseconds duration{};
};

// To be called while this process has one thread (see guardian.h).
// Unreadable error if the command cannot be started (not found, not executable).
Result<Ended> RunChild(const ChildOptions& options, const OutputTap& tap);

}  // namespace vramcast::supervise
