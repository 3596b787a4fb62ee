// What a watch leaves beside what it shows: samples in the user's history, and metrics for
// Prometheus.
//
//   records.Declare(flags);                               // --listen, --history and its like
//   if (auto opened = records.Open(kept, command, output); !opened) ...
//   records.Take(report);                               // after each sample
//   records.End(exit_code);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/history_recorder.h"
#include "cli/verb.h"
#include "monitor/listener.h"
#include "monitor/watcher.h"

namespace vramcast::cli {

class FlagTable;

class WatchRecords {
 public:
  void Declare(FlagTable& flags);

  // `real`: the samples are this machine's, now. A recorded series and the made-up machine go into
  // a history only where a file is named for it. `command`: how the watch was started. Errors as
  // monitor::Listener's.
  Status Open(bool real, const std::string& command, Output& output);
  void Take(const monitor::Report& report);
  void End(int64_t exit_code);

 private:
  std::string listen_, file_, limit_;
  bool no_history_ = false;
  std::string command_;
  Output* output_ = nullptr;
  std::optional<HistoryRecorder> history_;
  std::unique_ptr<monitor::Listener> listener_;
  int64_t samples_ = 0;
  double last_time_ = 0;
};

}  // namespace vramcast::cli
