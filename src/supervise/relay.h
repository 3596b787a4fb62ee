// One stream of the command's output on its way to this program's own: never more than one buffer
// of it is held, so that a slow reader slows the command down as it would without this program, and
// signals are still heard meanwhile.
#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "supervise/descriptor.h"

namespace vramcast::supervise {

// Sees every byte of the command's output, in order of arrival.
using OutputTap = std::function<void(std::string_view)>;

class Relay {
 public:
  // `from`: owned; `to` is not. `tap` may be empty and must outlive this.
  Relay(Descriptor from, int to, const OutputTap& tap);

  // Still has something to do.
  bool open() const { return from_.get() >= 0 || !pending_.empty(); }
  // What to wait for; a negative descriptor when there is nothing.
  pollfd Waiting() const;
  // Moves what can be moved. True if the command had written something.
  bool Move(short events);
  // Gives up what could not be written yet.
  void Abandon();

  uint64_t dropped() const { return dropped_; }     // bytes that could not be written: a full disk
  int why_dropped() const { return why_dropped_; }  // errno

 private:
  bool Read();
  void Write();

  Descriptor from_;
  int to_;
  const OutputTap& tap_;
  size_t chunk_;  // bytes that a descriptor which is ready surely takes without waiting
  std::string buffer_;
  std::string_view pending_;  // of buffer_, not written yet
  uint64_t dropped_ = 0;
  int why_dropped_ = 0;
};

}  // namespace vramcast::supervise
