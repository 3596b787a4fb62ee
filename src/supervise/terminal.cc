#include "supervise/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <string>

namespace vramcast::supervise {

Result<PseudoTerminal> PseudoTerminal::Open(int like) {
  PseudoTerminal terminal;
  // Keys must never make this program wait for a command that does not read them.
  terminal.master_ = Descriptor(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  const int master = terminal.master();
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
    return MachineError(std::string("cannot open a pseudo-terminal: ") + strerror(errno));
  }
  const char* name = ptsname(master);
  terminal.slave_ = Descriptor(name == nullptr ? -1 : open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (terminal.slave() < 0) {
    return MachineError(std::string("cannot open a pseudo-terminal: ") + strerror(errno));
  }
  termios settings;
  if (tcgetattr(like, &settings) == 0) tcsetattr(terminal.slave(), TCSANOW, &settings);
  terminal.CopySize(like);
  return terminal;
}

Descriptor PseudoTerminal::Reader() const {
  return Descriptor(fcntl(master_.get(), F_DUPFD_CLOEXEC, 0));
}

void PseudoTerminal::CopySize(int from) const {
  winsize size;
  if (ioctl(from, TIOCGWINSZ, &size) == 0) ioctl(master_.get(), TIOCSWINSZ, &size);
}

}  // namespace vramcast::supervise
