// A pseudo-terminal for a command whose output would have gone to a terminal, so that colours,
// progress bars and window sizes pass through unchanged.
#pragma once

#include "base/result.h"
#include "supervise/descriptor.h"

namespace vramcast::supervise {

class PseudoTerminal {
 public:
  // As large and with the same settings as the terminal at `like`.
  static Result<PseudoTerminal> Open(int like);

  int master() const { return master_.get(); }
  int slave() const { return slave_.get(); }
  void CloseSlave() { slave_.Close(); }
  // A second descriptor of the master, to be read from.
  Descriptor Reader() const;
  void CopySize(int from) const;

 private:
  PseudoTerminal() = default;
  Descriptor master_, slave_;
};

}  // namespace vramcast::supervise
