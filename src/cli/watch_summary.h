// What `watch` says at its end: what it saw on each GPU, what lies ahead, and what to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/watcher.h"
#include "report/document.h"

namespace vramcast::cli {

struct WatchSummary {
  const monitor::Report* report = nullptr;
  int64_t samples = 0;
  int64_t skipped = 0;             // lines of a recorded series that were no samples
  std::string command;             // the run's launch command; empty: not known
  std::string ended;               // why the watch ended, where it did not simply stop
  std::vector<std::string> notes;  // how the run was understood
  bool explain = false;
};

Document DescribeWatch(const WatchSummary& summary);

}  // namespace vramcast::cli
