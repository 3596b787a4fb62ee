// What /proc and /sys tell about this machine: its processes, whether this is a container, and
// whether a GPU sits on the bus without a driver.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace vramcast::gpu {

struct ProcessFacts {
  std::string name;  // as /proc/PID/stat has it, at most 15 characters
  std::string command_line;
  std::optional<std::string> user;
  int64_t uid = -1;
  int64_t parent = 0;
  std::string parent_name;
  int64_t session = 0;
  uint64_t start_ticks = 0;  // with the id: the identity of a process
  char state = '?';          // 'Z': a zombie
};

class Host {
 public:
  // `root` stands before /proc, /sys and the marks of containers; empty but for tests.
  explicit Host(std::string root = {}) : root_(std::move(root)) {}

  // Nothing if there is no such process, or /proc hides it from this user.
  std::optional<ProcessFacts> Process(int64_t pid) const;
  // Its state alone: cheap enough for every sample. `start_ticks` 0 and state '?' if it is gone.
  struct Life {
    uint64_t start_ticks = 0;
    char state = '?';
    int64_t parent = 0;
  };
  Life LifeOf(int64_t pid) const;
  // Whether it has an NVIDIA device open; unknown where its files may not be read.
  std::optional<bool> HoldsGpu(int64_t pid) const;
  // A variable of the environment it was started with; nothing if it has none, or it may not be
  // read.
  std::optional<std::string> Variable(int64_t pid, std::string_view name) const;
  std::optional<std::string> WorkingFolder(int64_t pid) const;
  // Also true for a process that /proc hides.
  bool Exists(int64_t pid) const;

  bool InContainer() const;
  bool NvidiaOnPciBus() const;
  struct MemoryInfo {
    Bytes total;
    Bytes available;
  };
  std::optional<MemoryInfo> SystemMemory() const;
  std::optional<std::string> Name() const;

 private:
  std::string root_;
};

// Why there is no NVIDIA driver to talk to, and what to do: one sentence.
std::string ExplainNoDriver(const Host& host);

}  // namespace vramcast::gpu
