// The processes that belong to one run: a process and everything that it started.
#pragma once

#include <cstdint>
#include <map>

#include "gpu/host.h"

namespace vramcast::monitor {

class Attached {
 public:
  // Machine error if there is no such process.
  static Result<Attached> To(int64_t pid, gpu::Host host = gpu::Host());

  int64_t pid() const { return pid_; }
  // False once it has ended, a zombie included.
  bool IsAlive() const;
  // Whether `pid` is the process or descends from it. Remembered, so that it stays true when a
  // parent in between ends.
  bool Owns(int64_t pid);

 private:
  Attached(int64_t pid, uint64_t start_ticks, gpu::Host host)
      : pid_(pid), start_ticks_(start_ticks), host_(std::move(host)) {}

  int64_t pid_;
  uint64_t start_ticks_;
  gpu::Host host_;
  std::map<int64_t, bool> owned_;
};

}  // namespace vramcast::monitor
