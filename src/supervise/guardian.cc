#include "supervise/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "supervise/process_tree.h"

namespace vramcast::supervise {
namespace {

using Clock = std::chrono::steady_clock;

// What the command left running when it ended by itself gets this long to notice.
constexpr auto kLeftoverGrace = std::chrono::seconds(5);

constexpr std::array kPassedOn = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

bool AsksToEnd(int signal) { return signal != SIGUSR1 && signal != SIGUSR2; }

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kPassedOn) sigaddset(&set, signal);
  sigaddset(&set, SIGCHLD);
  return set;
}

// Runs in the command's process and never returns. `failure` closes by itself when exec succeeds.
[[noreturn]] void BecomeCommand(const GuardianSetup& setup, int failure) {
  if (setup.own_terminal) {
    setsid();
    ioctl(setup.input, TIOCSCTTY, 0);
  } else {
    setpgid(0, 0);
  }
  dup2(setup.input, STDIN_FILENO);
  dup2(setup.output, STDOUT_FILENO);
  dup2(setup.error, STDERR_FILENO);
  for (const auto& [name, value] : setup.environment) setenv(name.c_str(), value.c_str(), 1);
  for (const int signal : kPassedOn) ::signal(signal, SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> argv;
  for (const std::string& argument : setup.argv)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  const int reason = errno;
  [[maybe_unused]] const ssize_t written = write(failure, &reason, sizeof reason);
  _exit(127);
}

// The guardian's own life: waits for the command, for signals, and for this program's death.
class Guardian {
 public:
  explicit Guardian(const GuardianSetup& setup) : setup_(setup) {}

  [[noreturn]] void Live() {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const sigset_t watched = Watched();
    sigprocmask(SIG_BLOCK, &watched, nullptr);
    signals_ = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    GuardianReport report;
    report.start_error = StartCommand();
    if (report.start_error == 0) {
      if (!setup_.own_terminal && isatty(setup_.input) == 1) tcsetpgrp(setup_.input, command_);
      report.wait_status = WaitForCommand();
      report.leftovers = static_cast<int>(EndDescendants(
          deadline_ ? Left() : std::min<std::chrono::milliseconds>(setup_.grace, kLeftoverGrace)));
    }
    [[maybe_unused]] const ssize_t written = write(setup_.report, &report, sizeof report);
    _exit(0);
  }

 private:
  int StartCommand() {
    std::array<int, 2> failure;
    if (pipe2(failure.data(), O_CLOEXEC) != 0) return errno;
    command_ = fork();
    if (command_ < 0) return errno;
    if (command_ == 0) BecomeCommand(setup_, failure[1]);
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

  void PassOn(int signal) {
    kill(-command_, signal);
    if (AsksToEnd(signal) && !deadline_) deadline_ = Clock::now() + setup_.grace;
  }

  int WaitForCommand() {
    std::array<pollfd, 2> polled = {pollfd{signals_, POLLIN, 0},
                                    pollfd{setup_.lifeline, POLLIN, 0}};
    for (;;) {
      int status = 0;
      for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == command_) return status;
      }
      poll(polled.data(), polled.size(), deadline_ ? static_cast<int>(Left().count()) + 1 : -1);
      signalfd_siginfo info;
      while (read(signals_, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGCHLD) PassOn(static_cast<int>(info.ssi_signo));
      }
      if (polled[1].revents != 0) {  // the supervising program is gone
        polled[1].fd = -1;
        PassOn(SIGTERM);
      }
      if (deadline_ && Left().count() == 0) {
        EndDescendants(std::chrono::milliseconds(0));
        return SIGKILL;  // as waitpid would have told it
      }
    }
  }

  const GuardianSetup& setup_;
  pid_t command_ = -1;
  int signals_ = -1;
  std::optional<Clock::time_point> deadline_;
};

}  // namespace

pid_t StartGuardian(const GuardianSetup& setup) {
  const pid_t pid = fork();
  if (pid == 0) {
    // A group of its own: a signal from the terminal reaches this program, which passes it on once.
    setpgid(0, 0);
    for (const int fd : setup.not_for_guardian) close(fd);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGTTOU, SIG_IGN);  // it hands the terminal to the command from the background
    Guardian(setup).Live();
  }
  if (pid > 0) setpgid(pid, pid);
  return pid;
}

}  // namespace vramcast::supervise
