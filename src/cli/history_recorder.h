// Puts what a verb sees into the user's history. Nothing here fails the verb: what goes wrong is
// said once on standard error.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "monitor/watcher.h"
#include "store/history.h"

namespace vramcast::cli {

// The sample that a report is about.
monitor::Sample SampleOf(const monitor::Report& report);

class HistoryRecorder {
 public:
  // `file`: empty means the user's own.
  HistoryRecorder(const std::string& file, Output& output, const store::Limits& limits = {});

  void Begin(const store::RunStart& start);  // `began` 0: now
  void Add(const monitor::Sample& sample);
  void End(store::RunEnd end);  // `ended` 0: now

 private:
  void Say();

  Output& output_;
  std::optional<store::History> history_;
};

}  // namespace vramcast::cli
