// The loop of `watch`: takes samples at their time, knows the step and the run they belong to, and
// hands them to a view, until it is told to stop or there is nothing more to watch.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/verb.h"
#include "cli/wake.h"
#include "cli/watch_records.h"
#include "cli/watch_source.h"
#include "cli/watch_view.h"
#include "cli/watched_run.h"
#include "monitor/attached.h"
#include "monitor/step_source.h"
#include "monitor/watcher.h"

namespace vramcast::cli {

class WatchLoop {
 public:
  struct Parts {
    WatchSource* source = nullptr;
    WatchView* view = nullptr;
    WatchedRun* run = nullptr;
    monitor::StepSource* log = nullptr;     // may be null
    monitor::Attached* attached = nullptr;  // may be null
    WatchRecords* records = nullptr;
    std::ostringstream* remarks = nullptr;  // lines that others want to be said
    const Wake* wake = nullptr;
    std::ostream* out = nullptr;  // no more samples once it fails
  };
  WatchLoop(const Parts& parts, double interval, std::optional<int64_t> most)
      : parts_(parts), interval_(interval), most_(most) {}

  // Errors of the source before its first sample.
  Status Run();

  const monitor::Report& report() const { return report_; }
  int64_t samples() const { return watcher_.samples(); }
  // Whether the attached process was seen to hold GPU memory.
  bool saw_attached() const { return !attached_gpus_.empty(); }
  // Why there was nothing more to watch; empty if it was stopped.
  const std::string& ended() const { return ended_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool IsOver();
  bool TakeOne();
  void Process(monitor::Sample sample);
  void SetStep(monitor::Sample* sample);
  void KeepAttached(monitor::Sample* sample);
  void SayRemarks();
  void WaitForNext();

  Parts parts_;
  double interval_;
  std::optional<int64_t> most_;
  monitor::Watcher watcher_;
  monitor::Report report_;
  Clock::time_point next_ = Clock::now();
  bool asked_ = false;
  bool stop_ = false;
  std::string ended_;
  std::optional<Error> error_;
  std::set<std::string> attached_gpus_;
};

}  // namespace vramcast::cli
