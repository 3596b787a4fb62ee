// What a waiting loop is woken by: signals, other threads, keys and the clock. Signals and threads
// write to a pipe, so that none is missed between looking and waiting.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>

namespace vramcast::cli {

class Wake {
 public:
  // Catches these signals until destroyed. One at a time in a process. SIGPIPE is ignored
  // meanwhile: a reader that went away shows when writing fails.
  explicit Wake(std::initializer_list<int> signals);
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  // From another thread.
  void Ring() const;
  // Waits until something happens, `key_fd` (-1: none) can be read, or the time has come.
  void Wait(std::optional<std::chrono::steady_clock::time_point> until, int key_fd = -1) const;
  // Whether this signal came since it was last asked for.
  static bool Took(int signal);

 private:
  struct Saved;
  Saved* saved_;
};

}  // namespace vramcast::cli
