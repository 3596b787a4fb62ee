// A terminal in full-screen mode (ncurses): shows grids, reads keys, and gives the terminal back as
// it was, however the program ends.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/screen_grid.h"

namespace vramcast::cli {

class TerminalScreen {
 public:
  // Nothing if standard input and output are no terminal, or one on which nothing can be drawn
  // (TERM=dumb, a kind of terminal that is not known). `why_not` then says why.
  static std::unique_ptr<TerminalScreen> Open(std::string* why_not);
  ~TerminalScreen();
  TerminalScreen(const TerminalScreen&) = delete;
  TerminalScreen& operator=(const TerminalScreen&) = delete;

  int columns() const;
  int rows() const;
  bool ascii() const { return ascii_; }  // the locale or the font has no other glyphs

  void Show(const ScreenGrid& grid);
  // The next key that was pressed; nothing if none was.
  std::optional<int> Key();
  void Resize();   // the terminal has another size now
  void Suspend();  // gives the terminal back and stops this process, until it is continued

  static constexpr int kTab = '\t';

 private:
  TerminalScreen() = default;
  int Attributes(Ink ink) const;

  bool ascii_ = false;
  bool colour_ = false;
};

}  // namespace vramcast::cli
