// Where the samples of `watch` come from: this machine's driver, the made-up machine, or a series
// that was recorded.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/wake.h"
#include "gpu/machine.h"
#include "monitor/sample.h"

namespace vramcast::cli {

class WatchSource {
 public:
  virtual ~WatchSource() = default;

  // Begins the next sample where that takes time.
  virtual void Ask() {}
  struct Answer {
    std::optional<monitor::Sample> sample;  // nothing: none yet
    bool ended = false;
    std::vector<std::string> notes;  // what the source remarks about it
    std::optional<Error> error;      // it could not be had this time
  };
  virtual Answer Take() = 0;
  // For how long an answer has been owed.
  virtual std::optional<std::chrono::steady_clock::duration> Waiting() const { return {}; }

  virtual bool is_live() const { return true; }
  virtual std::string name() const = 0;          // "nvml", "demo", "FILE"
  virtual int64_t skipped() const { return 0; }  // lines that were no samples
};

// Errors as gpu::OpenSampler's. `beat`: the made-up machine's seconds between samples.
Result<std::unique_ptr<WatchSource>> OpenLiveSource(gpu::Source source, double beat,
                                                    const Wake* wake);
// "-": standard input. Unreadable error if the file cannot be read or is empty.
Result<std::unique_ptr<WatchSource>> OpenRecordedSource(const std::string& file);

}  // namespace vramcast::cli
