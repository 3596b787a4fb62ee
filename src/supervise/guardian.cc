#include "supervise/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "supervise/process_tree.h"
#include "supervise/signals.h"

namespace vramcast::supervise {
namespace {

using Clock = std::chrono::steady_clock;

// What the command left running when it ended by itself gets this long to notice.
constexpr auto kLeftoverGrace = std::chrono::seconds(5);

// Runs in the command's process and never returns. `failure` closes by itself when exec succeeds.
[[noreturn]] void BecomeCommand(const GuardianSetup& setup, pid_t guardian, int failure) {
  if (setup.own_terminal) {
    setsid();
    ioctl(setup.input, TIOCSCTTY, 0);
  } else {
    setpgid(0, 0);
  }
  // Should even the guardian be killed, the command is at least asked to end.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != guardian) _exit(127);
  dup2(setup.input, STDIN_FILENO);
  dup2(setup.output, STDOUT_FILENO);
  dup2(setup.error, STDERR_FILENO);
  for (const auto& [name, value] : setup.environment) setenv(name.c_str(), value.c_str(), 1);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGTTOU, SIG_DFL);
  sigprocmask(SIG_SETMASK, &setup.mask, nullptr);
  std::vector<char*> argv;
  for (const std::string& argument : setup.argv)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  const int reason = errno;
  [[maybe_unused]] const ssize_t written = write(failure, &reason, sizeof reason);
  _exit(127);
}

sigset_t WithChildren(sigset_t set) {
  sigaddset(&set, SIGCHLD);
  return set;
}

// The guardian's own life: waits for the command, for signals, and for this program's death.
class Guardian {
 public:
  Guardian(const GuardianSetup& setup, pid_t supervisors_group)
      : setup_(setup), supervisors_group_(supervisors_group), signals_(WithChildren(PassedOn())) {}

  [[noreturn]] void Live() {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    GuardianReport report;
    report.start_error = StartCommand();
    if (report.start_error == 0) {
      HandTerminalOver();
      report.wait_status = WaitForCommand();
      report.leftovers = static_cast<int>(EndDescendants(
          deadline_ ? Left() : std::min<std::chrono::milliseconds>(setup_.grace, kLeftoverGrace)));
      report.forced = forced_;
      TakeTerminalBack();
    }
    if (alone_ || (setup_.shared_terminal >= 0 && WIFSIGNALED(report.wait_status))) {
      PutSettingsBack();
    }
    if (alone_) {
      std::error_code ignored;
      for (const std::string& path : setup_.scratch) std::filesystem::remove_all(path, ignored);
    }
    [[maybe_unused]] const ssize_t written = write(setup_.report, &report, sizeof report);
    _exit(0);
  }

 private:
  int StartCommand() {
    std::array<int, 2> failure;
    if (pipe2(failure.data(), O_CLOEXEC) != 0) return errno;
    const pid_t self = getpid();
    command_ = fork();
    if (command_ < 0) return errno;
    if (command_ == 0) BecomeCommand(setup_, self, failure[1]);
    if (!setup_.own_terminal) setpgid(command_, command_);
    close(failure[1]);
    int reason = 0;
    if (read(failure[0], &reason, sizeof reason) != sizeof reason) reason = 0;
    close(failure[0]);
    return reason;
  }

  std::chrono::milliseconds Left() const {
    return std::max(
        std::chrono::milliseconds(0),
        std::chrono::duration_cast<std::chrono::milliseconds>(*deadline_ - Clock::now()));
  }

  // Only from the foreground: a job in the background must not take the terminal from others.
  void HandTerminalOver() {
    if (setup_.shared_terminal < 0) return;
    if (tcgetpgrp(setup_.shared_terminal) != supervisors_group_) return;
    has_terminal_ = tcsetpgrp(setup_.shared_terminal, command_) == 0;
  }

  void TakeTerminalBack() {
    if (has_terminal_) tcsetpgrp(setup_.shared_terminal, supervisors_group_);
    has_terminal_ = false;
  }

  void PutSettingsBack() const {
    if (setup_.settings) tcsetattr(setup_.real_terminal, TCSANOW, &*setup_.settings);
  }

  void PassOn(int signal) {
    // In a session of its own nobody could continue the command after SIGTSTP, so the kernel
    // ignores it there.
    if (signal == SIGTSTP && setup_.own_terminal) signal = SIGSTOP;
    if (signal == SIGCONT) HandTerminalOver();
    kill(-command_, signal);
    if (AsksToEnd(signal) && !deadline_) deadline_ = Clock::now() + setup_.grace;
  }

  // The suspend key of a terminal that the command shares reached the command alone: the shell must
  // see its whole job stopped.
  void CommandStopped() {
    if (!has_terminal_) return;
    TakeTerminalBack();
    kill(-supervisors_group_, SIGTSTP);
  }

  int WaitForCommand() {
    std::array<pollfd, 2> polled = {pollfd{signals_.fd(), POLLIN, 0},
                                    pollfd{setup_.lifeline, POLLIN, 0}};
    for (;;) {
      int status = 0;
      for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
        if (pid != command_) continue;
        if (!WIFSTOPPED(status)) return status;
        CommandStopped();
      }
      poll(polled.data(), polled.size(), deadline_ ? static_cast<int>(Left().count()) + 1 : -1);
      while (const auto signal = signals_.Next()) {
        if (*signal != SIGCHLD) PassOn(*signal);
      }
      if (polled[1].revents != 0) {
        polled[1].fd = -1;
        alone_ = true;
        kill(-command_, SIGCONT);
        PassOn(SIGTERM);
      }
      if (deadline_ && Left().count() == 0) {
        forced_ = true;
        EndDescendants(std::chrono::milliseconds(0));
        return SIGKILL;  // as waitpid would have told it
      }
    }
  }

  const GuardianSetup& setup_;
  const pid_t supervisors_group_;
  SignalQueue signals_;
  pid_t command_ = -1;
  bool has_terminal_ = false;  // the command was given the shared terminal
  bool alone_ = false;         // the supervising program is gone
  bool forced_ = false;
  std::optional<Clock::time_point> deadline_;
};

}  // namespace

pid_t StartGuardian(const GuardianSetup& setup) {
  const pid_t group = getpgrp();
  const pid_t pid = fork();
  if (pid == 0) {
    // A group of its own: a signal from the terminal reaches this program, which passes it on once.
    setpgid(0, 0);
    for (const int fd : setup.not_for_guardian) close(fd);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGTTOU, SIG_IGN);  // it hands the terminal to the command from the background
    Guardian(setup, group).Live();
  }
  if (pid > 0) setpgid(pid, pid);
  return pid;
}

}  // namespace vramcast::supervise
