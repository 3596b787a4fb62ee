// What PyTorch's allocator holds in processes under `vramcast run`, while they run: its start-up
// module writes one line a second into a file that the process's environment leads to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "gpu/host.h"
#include "monitor/sample.h"

namespace vramcast::monitor {

struct AllocatorNow {
  double time = 0;  // seconds since 1970
  Bytes allocated, reserved;
};
// "vramcast.now 1 TIME DEVICE ALLOCATED RESERVED"; nothing: it is something else.
std::optional<AllocatorNow> ParseAllocatorNow(std::string_view line);

class AllocatorNumbers {
 public:
  explicit AllocatorNumbers(gpu::Host host = gpu::Host()) : host_(std::move(host)) {}

  // Fills in `allocated` and `reserved` of the processes that tell them. One that is on several
  // GPUs tells only those of the fullest, so nothing is filled in; nor is what is older than half a
  // minute.
  void Fill(Sample* sample);

 private:
  const std::string& FileOf(int64_t pid);

  gpu::Host host_;
  // Of the processes of the last sample; empty: it tells nothing. A process that was missing from a
  // sample is looked at anew, for its number may be another's by then.
  std::map<int64_t, std::string> files_;
};

}  // namespace vramcast::monitor
