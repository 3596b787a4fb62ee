// The process between this program and the command. It adopts whatever the command leaves behind
// and ends it, also when this program itself is killed and can do nothing any more.
#pragma once

#include <signal.h>
#include <sys/types.h>
#include <termios.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vramcast::supervise {

// What the guardian reports through its status pipe when all is over, or when the start failed.
struct GuardianReport {
  int start_error = 0;  // errno of a failed exec; then the rest means nothing
  int wait_status = 0;  // of the command, as waitpid gives it
  int leftovers = 0;
  bool forced = false;  // killed because the time of grace was over
};

struct GuardianSetup {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  int input = 0, output = 1, error = 2;  // the command's standard streams
  bool own_terminal = false;             // `input` is a pseudo-terminal that it shall control
  // A terminal that the command shares with this program, to be handed to it while it runs; -1:
  // none, or this program is in its background.
  int shared_terminal = -1;
  int real_terminal = -1;             // whose settings are `settings`
  std::optional<termios> settings;    // put back if this program dies, or a command that shares it
  sigset_t mask{};                    // blocked signals of the command
  std::vector<std::string> scratch;   // removed if this program dies
  int report = -1;                    // write end: one GuardianReport
  int lifeline = -1;                  // read end of a pipe that this program holds open
  std::vector<int> not_for_guardian;  // this program's ends: closed in the guardian
  std::chrono::milliseconds grace{};
};

// Forks the guardian, which forks the command in a process group of its own. Signals for the
// command are sent to the guardian, which passes those of PassedOn() (signals.h) on to the
// command's group and kills everything once `grace` is over. Returns the guardian's pid, or -1.
// This process must have one thread only: the guardian goes on without exec, and a lock that
// another thread held at that moment would stay locked in it.
pid_t StartGuardian(const GuardianSetup& setup);

}  // namespace vramcast::supervise
