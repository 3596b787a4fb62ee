// The Python start-up module that `run` slips in through PYTHONPATH: when the program first uses
// CUDA it turns on PyTorch's allocator history in a bounded ring, notes the allocator's own numbers
// (records.h), and at the moment of an out-of-memory it writes a memory snapshot, one file a rank.
// No code of the program is changed.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace vramcast::supervise {

// Written into a folder of its own, removed again with it.
class StartupModule {
 public:
  // Snapshots go to `snapshots` (made when the first is written). `max_entries` bounds the ring:
  // about 200 bytes a trace entry in the file, some more in memory.
  // Without `records` there is a folder only, and Python finds nothing in it. Machine error if the
  // folder cannot be written.
  static Result<StartupModule> Write(const std::string& snapshots, bool records = true,
                                     int64_t max_entries = 100'000);
  StartupModule(StartupModule&& other) noexcept;
  StartupModule& operator=(StartupModule&&) = delete;
  ~StartupModule();

  // What the command's environment needs. The user's own PYTHONPATH and sitecustomize stay in
  // force.
  const std::vector<std::pair<std::string, std::string>>& environment() const {
    return environment_;
  }
  const std::string& folder() const { return folder_; }
  // Where it writes its records.
  std::string records() const { return folder_ + "/records"; }

 private:
  StartupModule() = default;
  std::string folder_;
  std::vector<std::pair<std::string, std::string>> environment_;
};

// The module's source.
std::string_view StartupSource();

// The environment variable that names the folder of the innermost `run` around a process.
inline constexpr const char* kRunVariable = "VRAMCAST_RUN";

}  // namespace vramcast::supervise
