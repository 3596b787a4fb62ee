#include "supervise/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <vector>

#include "supervise/guardian.h"
#include "supervise/terminal.h"

namespace vramcast::supervise {
namespace {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    Close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Descriptor() { Close(); }
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read, write;
  static Result<Pipe> Open() {
    std::array<int, 2> ends;
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      return MachineError(std::string("cannot open a pipe: ") + strerror(errno));
    }
    Pipe opened;
    opened.read = Descriptor(ends[0]);
    opened.write = Descriptor(ends[1]);
    return opened;
  }
};

// Blocks the signals that are passed on and reads them from a descriptor, until destroyed.
class SignalQueue {
 public:
  SignalQueue() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH}) {
      sigaddset(&set, signal);
    }
    sigprocmask(SIG_BLOCK, &set, &before_);
    queue_ = Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    pipe_before_ = ::signal(SIGPIPE, SIG_IGN);
  }
  ~SignalQueue() {
    ::signal(SIGPIPE, pipe_before_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  int fd() const { return queue_.get(); }
  std::optional<int> Next() const {
    signalfd_siginfo info;
    if (read(queue_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
  }

 private:
  sigset_t before_;
  Descriptor queue_;
  sighandler_t pipe_before_ = SIG_DFL;
};

// Writes all of it. A full disk or a closed pipe must not stop the run: the rest is dropped then.
void WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EAGAIN) {
      pollfd ready = {fd, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (put < 0 && errno != EINTR) {
      return;
    } else if (put > 0) {
      bytes.remove_prefix(static_cast<size_t>(put));
    }
  }
}

// Moves what is there from one descriptor to another; false at the end of the input. A
// pseudo-terminal whose last user is gone reads as EIO.
bool Pump(int from, int to, const OutputTap* tap) {
  std::array<char, 65536> buffer;
  const ssize_t got = read(from, buffer.data(), buffer.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<size_t>(got));
  WriteAll(to, bytes);
  if (tap != nullptr && *tap) (*tap)(bytes);
  return true;
}

Ended EndedBy(const GuardianReport& report) {
  Ended ended;
  if (WIFSIGNALED(report.wait_status)) {
    ended.signal = WTERMSIG(report.wait_status);
    ended.code = 128 + ended.signal;
  } else {
    ended.code = WEXITSTATUS(report.wait_status);
  }
  ended.leftovers = static_cast<size_t>(report.leftovers);
  return ended;
}

}  // namespace

Result<Ended> RunChild(const ChildOptions& options, const OutputTap& tap) {
  if (options.argv.empty()) return UsageError("there is no command to run");
  const auto start = std::chrono::steady_clock::now();
  const int visible = options.output_to_stderr ? STDERR_FILENO : STDOUT_FILENO;
  std::optional<PseudoTerminal> terminal;
  if (options.allow_terminal && isatty(visible) == 1) {
    auto opened = PseudoTerminal::Open(visible);
    if (opened) terminal.emplace(std::move(*opened));
  }
  auto out = Pipe::Open(), err = Pipe::Open(), report = Pipe::Open(), lifeline = Pipe::Open();
  for (const auto* pipe : {&out, &err, &report, &lifeline}) {
    if (!*pipe) return tl::make_unexpected(pipe->error());
  }
  const SignalQueue signals;
  const bool keyboard = terminal && isatty(STDIN_FILENO) == 1;
  GuardianSetup setup{.argv = options.argv,
                      .environment = options.environment,
                      .input = keyboard ? terminal->slave() : STDIN_FILENO,
                      .output = terminal ? terminal->slave() : out->write.get(),
                      .error = terminal ? terminal->slave() : err->write.get(),
                      .own_terminal = keyboard,
                      .report = report->write.get(),
                      .lifeline = lifeline->read.get(),
                      .not_for_guardian = {lifeline->write.get(), report->read.get(),
                                           out->read.get(), err->read.get()},
                      .grace = options.grace};
  const pid_t guardian = StartGuardian(setup);
  if (guardian < 0) {
    return MachineError(std::string("cannot start a process: ") + strerror(errno));
  }
  out->write.Close();
  err->write.Close();
  report->write.Close();
  lifeline->read.Close();
  if (terminal) terminal->CloseSlave();
  std::optional<RawMode> raw;
  if (keyboard) raw.emplace(STDIN_FILENO);

  bool interrupted = false;
  enum { kOut, kErr, kReport, kSignals, kKeys, kCount };
  std::array<pollfd, kCount> polled = {
      pollfd{terminal ? terminal->master() : out->read.get(), POLLIN, 0},
      pollfd{terminal ? -1 : err->read.get(), POLLIN, 0}, pollfd{report->read.get(), POLLIN, 0},
      pollfd{signals.fd(), POLLIN, 0}, pollfd{keyboard ? STDIN_FILENO : -1, POLLIN, 0}};
  GuardianReport outcome;
  bool reported = false;
  while (polled[kOut].fd >= 0 || polled[kErr].fd >= 0 || polled[kReport].fd >= 0) {
    if (poll(polled.data(), polled.size(), -1) < 0) continue;
    if (polled[kOut].revents != 0 && !Pump(polled[kOut].fd, visible, &tap)) polled[kOut].fd = -1;
    if (polled[kErr].revents != 0 && !Pump(polled[kErr].fd, STDERR_FILENO, &tap)) {
      polled[kErr].fd = -1;
    }
    if (polled[kKeys].revents != 0 && !Pump(STDIN_FILENO, terminal->master(), nullptr)) {
      polled[kKeys].fd = -1;
    }
    if (polled[kReport].revents != 0) {
      reported = read(polled[kReport].fd, &outcome, sizeof outcome) == sizeof outcome;
      polled[kReport].fd = -1;
    }
    while (const auto signal = signals.Next()) {
      if (*signal == SIGWINCH) {
        if (terminal) terminal->CopySize(visible);
        continue;
      }
      interrupted |= *signal != SIGUSR1 && *signal != SIGUSR2;
      kill(guardian, *signal);
    }
  }
  waitpid(guardian, nullptr, 0);
  if (!reported) return MachineError("the process that guards the command was killed");
  if (outcome.start_error != 0) {
    return UnreadableError("cannot start " + options.argv.front() + ": " +
                           strerror(outcome.start_error));
  }
  Ended ended = EndedBy(outcome);
  ended.interrupted = interrupted;
  ended.duration = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  return ended;
}

}  // namespace vramcast::supervise
