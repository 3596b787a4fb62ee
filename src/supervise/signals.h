// The signals of job control and of people who want a run to end, read one by one instead of
// interrupting this program.
#pragma once

#include <signal.h>

#include <optional>

#include "supervise/descriptor.h"

namespace vramcast::supervise {

// SIGINT, SIGTERM, SIGHUP, SIGQUIT: whoever sends them wants the command to end.
bool AsksToEnd(int signal);

// Those, SIGUSR1, SIGUSR2, SIGTSTP and SIGCONT. What this program ignores (nohup's SIGHUP, SIGINT
// of a background job) is not among them: the command ignores it too, and must not get it after
// all.
sigset_t PassedOn();

// Blocks a set of signals and reads them from a descriptor, until destroyed.
class SignalQueue {
 public:
  explicit SignalQueue(const sigset_t& set);
  ~SignalQueue();
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  int fd() const { return queue_.get(); }
  std::optional<int> Next() const;
  // What was blocked before.
  const sigset_t& before() const { return before_; }

 private:
  sigset_t before_;
  Descriptor queue_;
};

}  // namespace vramcast::supervise
