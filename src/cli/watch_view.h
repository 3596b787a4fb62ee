// How `watch` shows what it sees while it runs: calm lines, JSON lines, or the whole screen.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/verb.h"
#include "cli/watch_screen.h"
#include "monitor/watcher.h"

namespace vramcast::cli {

class TerminalScreen;

class WatchView {
 public:
  virtual ~WatchView() = default;
  virtual void Show(const monitor::Report& report) = 0;
  // Something that is not as it should be; each is said once.
  virtual void Note(const std::string& note) = 0;
  // For how long the driver has owed an answer; nothing: it answers.
  virtual void Stalled(std::optional<double> seconds) { (void)seconds; }
  // Where keys come from; -1: nowhere.
  virtual int key_fd() const { return -1; }
  // Does what was typed and what signals ask for; false: to stop.
  virtual bool Attend();
};

std::unique_ptr<WatchView> MakePlainView(Output& output);
std::unique_ptr<WatchView> MakeJsonView(Output& output, bool flush);
// Says nothing until the end.
std::unique_ptr<WatchView> MakeQuietView(Output& output);
std::unique_ptr<WatchView> MakeScreenView(std::unique_ptr<TerminalScreen> screen,
                                          std::string source, double interval);

// A line of JSON; text that is no UTF-8 is replaced.
std::string JsonLine(const nlohmann::json& object);

}  // namespace vramcast::cli
