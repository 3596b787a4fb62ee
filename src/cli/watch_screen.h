// The full-screen view of `watch`, drawn from what is known and the size of the screen: no terminal
// is touched here.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/screen_grid.h"
#include "monitor/watcher.h"

namespace vramcast::cli {

// The recent past of each GPU, for its sparkline.
class WatchPast {
 public:
  static constexpr size_t kMost = 512;  // samples: wider screens do not exist

  struct Point {
    double time;
    double fraction;  // of the card
  };
  void Add(const monitor::Report& report);
  const std::deque<Point>& of(const std::string& gpu) const;

 private:
  std::map<std::string, std::deque<Point>> points_;
};

struct WatchState {
  const monitor::Report* report = nullptr;  // null: no sample yet
  const WatchPast* past = nullptr;
  std::string source;              // "NVML", "nvidia-smi", "demo", "process 4242"
  double interval = 1;             // seconds between samples
  std::optional<double> stalled;   // seconds for which the driver has not answered
  std::vector<std::string> notes;  // what is not as it should be
  bool paused = false;
  bool help = false;
  std::optional<size_t> focus;  // the one GPU that is shown; nothing: all
};

ScreenGrid DrawWatch(const WatchState& state, int columns, int rows, bool ascii);

}  // namespace vramcast::cli
