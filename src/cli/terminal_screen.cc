#include "cli/terminal_screen.h"

#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <fmt/format.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

#undef columns  // of term.h

namespace vramcast::cli {
namespace {

constexpr std::array kFatal = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGQUIT};

// What gives the terminal back where nothing but system calls is allowed.
termios before;
std::string farewell;
std::array<struct sigaction, kFatal.size()> actions_before;

void Restore() {
  [[maybe_unused]] const ssize_t put = write(STDOUT_FILENO, farewell.data(), farewell.size());
  tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

void OnFatal(int signal) {
  Restore();
  for (size_t i = 0; i < kFatal.size(); ++i) {
    if (kFatal[i] == signal) sigaction(signal, &actions_before[i], nullptr);
  }
  raise(signal);
}

void CatchFatal() {
  for (size_t i = 0; i < kFatal.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = OnFatal;
    action.sa_flags = SA_NODEFER;
    sigaction(kFatal[i], &action, &actions_before[i]);
  }
}

std::string Capability(const char* name) {
  const char* text = tigetstr(name);
  return text == nullptr || text == reinterpret_cast<const char*>(-1) ? "" : text;
}

std::string Terminal() {
  const char* name = std::getenv("TERM");
  return name == nullptr ? "" : name;
}

bool WantsColour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return no_colour == nullptr || *no_colour == '\0';
}

}  // namespace

std::unique_ptr<TerminalScreen> TerminalScreen::Open(std::string* why_not) {
  if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1) {
    *why_not = "this is no terminal";
    return nullptr;
  }
  int error = 0;
  if (setupterm(nullptr, STDOUT_FILENO, &error) != OK || Capability("cup").empty() ||
      Capability("clear").empty()) {
    *why_not = fmt::format("nothing can be drawn on a terminal of the kind '{}'", Terminal());
    return nullptr;
  }
  setlocale(LC_CTYPE, "");
  tcgetattr(STDIN_FILENO, &before);
  farewell = Capability("sgr0") + Capability("cnorm") + Capability("rmcup");
  if (newterm(nullptr, stdout, stdin) == nullptr) {
    *why_not = fmt::format("the terminal '{}' cannot be used", Terminal());
    return nullptr;
  }
  std::unique_ptr<TerminalScreen> screen(new TerminalScreen);
  CatchFatal();
  cbreak();
  noecho();
  curs_set(0);
  nodelay(stdscr, TRUE);
  keypad(stdscr, TRUE);
  ESCDELAY = 25;
  // The console's own font lacks most blocks.
  screen->ascii_ = std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0 || Terminal() == "linux";
  screen->colour_ = WantsColour() && has_colors() && start_color() == OK;
  if (screen->colour_) {
    use_default_colors();
    init_pair(1, COLOR_GREEN, -1);
    init_pair(2, COLOR_YELLOW, -1);
    init_pair(3, COLOR_RED, -1);
    init_pair(4, COLOR_CYAN, -1);
  }
  return screen;
}

TerminalScreen::~TerminalScreen() {
  endwin();
  for (size_t i = 0; i < kFatal.size(); ++i) sigaction(kFatal[i], &actions_before[i], nullptr);
}

int TerminalScreen::columns() const { return getmaxx(stdscr); }
int TerminalScreen::rows() const { return getmaxy(stdscr); }

int TerminalScreen::Attributes(Ink ink) const {
  const auto pair = [this](short number, chtype without) {
    return static_cast<int>(colour_ ? COLOR_PAIR(number) : without);
  };
  switch (ink) {
    case Ink::kPlain:
      return static_cast<int>(A_NORMAL);
    case Ink::kDim:
      return static_cast<int>(A_DIM);
    case Ink::kStrong:
      return static_cast<int>(A_BOLD);
    case Ink::kGood:
      return pair(1, A_NORMAL);
    case Ink::kWarning:
      return pair(2, A_BOLD);
    case Ink::kBad:
      return pair(3, A_BOLD | A_REVERSE);
    case Ink::kBar:
      break;
  }
  return pair(4, A_NORMAL);
}

void TerminalScreen::Show(const ScreenGrid& grid) {
  erase();
  for (int row = 0; row < grid.rows(); ++row) {
    for (int column = 0; column < grid.columns(); ++column) {
      const Cell& cell = grid.at(row, column);
      if (cell.glyph == U' ' && cell.ink == Ink::kPlain) continue;
      const std::array<wchar_t, 2> text = {static_cast<wchar_t>(cell.glyph), L'\0'};
      cchar_t glyph;
      const auto attributes = static_cast<attr_t>(Attributes(cell.ink));
      setcchar(&glyph, text.data(), attributes & ~static_cast<attr_t>(A_COLOR),
               static_cast<short>(PAIR_NUMBER(attributes)), nullptr);
      mvadd_wch(row, column, &glyph);
    }
  }
  refresh();
}

std::optional<int> TerminalScreen::Key() {
  const int key = getch();
  return key == ERR ? std::nullopt : std::optional(key);
}

void TerminalScreen::Resize() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
    resizeterm(size.ws_row, size.ws_col);
  }
  clearok(curscr, TRUE);
}

void TerminalScreen::Suspend() {
  endwin();
  raise(SIGSTOP);
  Resize();
  refresh();
}

}  // namespace vramcast::cli
