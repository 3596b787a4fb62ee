#include "supervise/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utility>

namespace vramcast::supervise {

Result<PseudoTerminal> PseudoTerminal::Open(int like) {
  PseudoTerminal terminal;
  terminal.master_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal.master_ < 0 || grantpt(terminal.master_) != 0 || unlockpt(terminal.master_) != 0) {
    return MachineError(std::string("cannot open a pseudo-terminal: ") + strerror(errno));
  }
  const char* name = ptsname(terminal.master_);
  terminal.slave_ = name == nullptr ? -1 : open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal.slave_ < 0) {
    return MachineError(std::string("cannot open a pseudo-terminal: ") + strerror(errno));
  }
  termios settings;
  if (tcgetattr(like, &settings) == 0) tcsetattr(terminal.slave_, TCSANOW, &settings);
  terminal.CopySize(like);
  return terminal;
}

PseudoTerminal::PseudoTerminal(PseudoTerminal&& other) noexcept
    : master_(std::exchange(other.master_, -1)), slave_(std::exchange(other.slave_, -1)) {}

PseudoTerminal::~PseudoTerminal() {
  CloseSlave();
  if (master_ >= 0) close(master_);
}

void PseudoTerminal::CloseSlave() {
  if (slave_ >= 0) close(std::exchange(slave_, -1));
}

void PseudoTerminal::CopySize(int from) const {
  winsize size;
  if (ioctl(from, TIOCGWINSZ, &size) == 0) ioctl(master_, TIOCSWINSZ, &size);
}

RawMode::RawMode(int fd) {
  if (tcgetattr(fd, &before_) != 0) return;
  termios raw = before_;
  cfmakeraw(&raw);
  if (tcsetattr(fd, TCSANOW, &raw) == 0) fd_ = fd;
}

RawMode::~RawMode() {
  if (fd_ >= 0) tcsetattr(fd_, TCSANOW, &before_);
}

}  // namespace vramcast::supervise
