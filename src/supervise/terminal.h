// A pseudo-terminal for a command whose output would have gone to a terminal, and raw mode for the
// real one meanwhile, so that keys, colours, progress bars and window sizes pass through unchanged.
#pragma once

#include <termios.h>

#include "base/result.h"

namespace vramcast::supervise {

class PseudoTerminal {
 public:
  // As large and with the same settings as the terminal at `like`.
  static Result<PseudoTerminal> Open(int like);
  PseudoTerminal(PseudoTerminal&& other) noexcept;
  PseudoTerminal& operator=(PseudoTerminal&&) = delete;
  ~PseudoTerminal();

  int master() const { return master_; }
  int slave() const { return slave_; }
  void CloseSlave();
  void CopySize(int from) const;

 private:
  PseudoTerminal() = default;
  int master_ = -1;
  int slave_ = -1;
};

// Puts the terminal at `fd` into raw mode until destroyed; does nothing if it is no terminal.
class RawMode {
 public:
  explicit RawMode(int fd);
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

 private:
  int fd_ = -1;  // -1: nothing to restore
  termios before_{};
};

}  // namespace vramcast::supervise
