#include "supervise/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <vector>

#include "supervise/guardian.h"
#include "supervise/keyboard.h"
#include "supervise/process_tree.h"
#include "supervise/signals.h"
#include "supervise/terminal.h"

namespace vramcast::supervise {
namespace {

using Clock = std::chrono::steady_clock;

// How long a reader that takes nothing may hold up the end of a run that was asked to end.
constexpr std::chrono::milliseconds kLastWords = std::chrono::seconds(1);
// Processes of a guardian that was killed get this long to end by themselves.
constexpr std::chrono::milliseconds kOrphanGrace = std::chrono::seconds(5);

std::chrono::milliseconds Since(Clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - then);
}

// What holds for this whole process while a command runs, put back at the end: no SIGPIPE, and
// processes whose guardian was killed become this one's children.
class Adoption {
 public:
  Adoption() : pipe_before_(::signal(SIGPIPE, SIG_IGN)) {
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper_before_);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  ~Adoption() {
    prctl(PR_SET_CHILD_SUBREAPER, subreaper_before_);
    ::signal(SIGPIPE, pipe_before_);
  }
  Adoption(const Adoption&) = delete;
  Adoption& operator=(const Adoption&) = delete;

 private:
  sighandler_t pipe_before_;
  int subreaper_before_ = 0;
};

sigset_t SupervisorsSignals() {
  sigset_t set = PassedOn();
  sigaddset(&set, SIGWINCH);
  return set;
}

struct Pipes {
  Pipe out, err, report, lifeline;
  static Result<Pipes> Open() {
    Pipes pipes;
    for (Pipe* pipe : {&pipes.out, &pipes.err, &pipes.report, &pipes.lifeline}) {
      auto opened = Pipe::Open();
      if (!opened) return tl::make_unexpected(opened.error());
      *pipe = *std::move(opened);
    }
    return pipes;
  }
};

// One run of the command, from the fork to the guardian's report.
class Supervision {
 public:
  Supervision(const ChildOptions& options, const OutputTap& tap)
      : options_(options),
        visible_(options.output_to_stderr ? STDERR_FILENO : STDOUT_FILENO),
        tap_(tap),
        signals_(SupervisorsSignals()) {}

  Result<Ended> Run() {
    if (options_.allow_terminal && isatty(visible_) == 1) {
      if (auto opened = PseudoTerminal::Open(visible_)) terminal_.emplace(*std::move(opened));
    }
    auto pipes = Pipes::Open();
    if (!pipes) return tl::make_unexpected(pipes.error());
    if (auto status = Start(*pipes); !status) return tl::make_unexpected(status.error());
    if (keyboard_) keyboard_->FollowTheForeground();
    const Clock::time_point start = last_output_ = last_pulse_ = Clock::now();
    Follow();
    if (keyboard_) keyboard_->Release();
    waitpid(guardian_, nullptr, 0);
    if (!reported_) {
      EndDescendants(std::min(options_.grace, kOrphanGrace));
      return MachineError("the process that guards the command was killed");
    }
    if (report_.start_error != 0) {
      return UnreadableError("cannot start " + options_.argv.front() + ": " +
                             strerror(report_.start_error));
    }
    Ended ended = Outcome();
    ended.duration = Since(start);
    return ended;
  }

 private:
  Status Start(Pipes& pipes) {
    const bool typed = isatty(STDIN_FILENO) == 1;
    const bool keyboard = terminal_ && typed;
    GuardianSetup setup{.argv = options_.argv,
                        .environment = options_.environment,
                        .input = keyboard ? terminal_->slave() : STDIN_FILENO,
                        .output = terminal_ ? terminal_->slave() : pipes.out.write.get(),
                        .error = terminal_ ? terminal_->slave() : pipes.err.write.get(),
                        .own_terminal = keyboard,
                        .shared_terminal = typed && !keyboard ? STDIN_FILENO : -1,
                        .real_terminal = STDIN_FILENO,
                        .mask = signals_.before(),
                        .scratch = options_.scratch,
                        .report = pipes.report.write.get(),
                        .lifeline = pipes.lifeline.read.get(),
                        .not_for_guardian = {pipes.lifeline.write.get(), pipes.report.read.get(),
                                             pipes.out.read.get(), pipes.err.read.get()},
                        .grace = options_.grace};
    termios settings;
    if (typed && tcgetpgrp(STDIN_FILENO) == getpgrp() && tcgetattr(STDIN_FILENO, &settings) == 0) {
      setup.settings = settings;
    }
    if (terminal_) setup.not_for_guardian.push_back(terminal_->master());
    guardian_ = StartGuardian(setup);
    if (guardian_ < 0) {
      return MachineError(std::string("cannot start a process: ") + strerror(errno));
    }
    if (keyboard) keyboard_.emplace(STDIN_FILENO, terminal_->master());
    out_.emplace(terminal_ ? terminal_->Reader() : std::move(pipes.out.read), visible_, tap_);
    err_.emplace(terminal_ ? Descriptor() : std::move(pipes.err.read), STDERR_FILENO, tap_);
    report_pipe_ = std::move(pipes.report.read);
    lifeline_ = std::move(pipes.lifeline.write);
    if (terminal_) terminal_->CloseSlave();
    pipes = {};
    return {};
  }

  void Follow() {
    enum { kOut, kErr, kReport, kSignals, kKeys };
    while (out_->open() || err_->open() || report_pipe_.get() >= 0) {
      std::array<pollfd, 5> polled = {out_->Waiting(), err_->Waiting(),
                                      pollfd{report_pipe_.get(), POLLIN, 0},
                                      pollfd{signals_.fd(), POLLIN, 0},
                                      keyboard_ ? keyboard_->Waiting() : pollfd{-1, POLLIN, 0}};
      const int ready = poll(polled.data(), polled.size(), Patience());
      if (ready < 0) continue;
      if (ready == 0 && report_pipe_.get() < 0 && interrupted_) {
        out_->Abandon();
        err_->Abandon();
        continue;
      }
      const bool out = out_->Move(polled[kOut].revents), err = err_->Move(polled[kErr].revents);
      if (out || err) last_output_ = Clock::now();
      if (polled[kKeys].revents != 0) Typed(keyboard_->Move());
      if (polled[kReport].revents != 0) {
        reported_ = read(report_pipe_.get(), &report_, sizeof report_) == sizeof report_;
        report_pipe_.Close();
      }
      while (const auto signal = signals_.Next()) Signalled(*signal);
      if (keyboard_) keyboard_->FollowTheForeground();
      if (options_.pulse && report_pipe_.get() >= 0 && !by_pulse_) Beat();
    }
  }

  // Milliseconds until something must be done although nothing happens; -1: for ever.
  int Patience() const {
    if (report_pipe_.get() < 0) {
      return interrupted_ ? static_cast<int>(kLastWords.count()) : -1;
    }
    if (!options_.pulse || by_pulse_) return -1;
    const auto left = options_.pulse_every - Since(last_pulse_);
    return static_cast<int>(std::max<int64_t>(0, left.count())) + 1;
  }

  void Beat() {
    if (Since(last_pulse_) < options_.pulse_every) return;
    const bool goes_on = options_.pulse({.root = guardian_, .silent = Since(last_output_)});
    last_pulse_ = Clock::now();
    if (goes_on) return;
    by_pulse_ = true;
    kill(guardian_, SIGTERM);
  }

  void Signalled(int signal) {
    if (signal == SIGWINCH) {
      if (terminal_) terminal_->CopySize(visible_);
      return;
    }
    interrupted_ |= AsksToEnd(signal);
    kill(guardian_, signal);
    if (signal == SIGTSTP) Suspend();
    if (signal == SIGCONT && terminal_) terminal_->CopySize(visible_);
  }

  void Typed(const Keyboard::Keys& keys) {
    interrupted_ |= keys.interrupt;
    // The shell's whole job, this process in it: comes back as a signal.
    if (keys.suspend) kill(0, SIGTSTP);
  }

  // Stops here until somebody continues this process.
  void Suspend() {
    if (keyboard_) keyboard_->Release();
    raise(SIGSTOP);
  }

  Ended Outcome() const {
    Ended ended;
    if (WIFSIGNALED(report_.wait_status)) {
      ended.signal = WTERMSIG(report_.wait_status);
      ended.code = 128 + ended.signal;
    } else {
      ended.code = WEXITSTATUS(report_.wait_status);
    }
    ended.leftovers = static_cast<size_t>(report_.leftovers);
    ended.forced = report_.forced;
    // A key went to the command alone where it shares the terminal.
    ended.interrupted = interrupted_ || ended.code == 128 + SIGINT;
    ended.by_pulse = by_pulse_;
    ended.dropped = out_->dropped() + err_->dropped();
    ended.why_dropped = out_->why_dropped() != 0 ? out_->why_dropped() : err_->why_dropped();
    return ended;
  }

  const ChildOptions& options_;
  const int visible_;
  const OutputTap& tap_;
  const Adoption adoption_;
  const SignalQueue signals_;
  std::optional<PseudoTerminal> terminal_;
  std::optional<Keyboard> keyboard_;
  std::optional<Relay> out_, err_;
  Descriptor report_pipe_, lifeline_;
  pid_t guardian_ = -1;
  GuardianReport report_;
  bool reported_ = false, interrupted_ = false, by_pulse_ = false;
  Clock::time_point last_output_, last_pulse_;
};

}  // namespace

Result<Ended> RunChild(const ChildOptions& options, const OutputTap& tap) {
  if (options.argv.empty()) return UsageError("there is no command to run");
  return Supervision(options, tap).Run();
}

}  // namespace vramcast::supervise
