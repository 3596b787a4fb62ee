// A terminal for tests: a shell in tmux, typed into and looked at.
#pragma once

#include <map>
#include <string>

#include "binary.h"

namespace vramcast::tests {

class Tmux {
 public:
  Tmux(int columns, int rows, const std::map<std::string, std::string>& environment = {});
  ~Tmux();
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;

  static bool IsHere();

  void Type(const std::string& text) const;  // and Enter
  void Key(const std::string& name) const;   // as tmux names keys: "q", "C-c", "Tab"
  void Resize(int columns, int rows) const;
  std::string Screen() const;
  std::string ScreenWithColours() const;
  // Sends a signal to what the shell runs now.
  void Signal(int signal) const;
  // Looks until the screen holds the text; false if it does not within a minute.
  bool Shows(const std::string& text) const;
  bool ShowsNoMore(const std::string& text) const;

 private:
  std::string Run(const std::string& command) const;
  bool Wait(const std::string& text, bool wanted) const;

  ScratchFolder folder_;
};

}  // namespace vramcast::tests
