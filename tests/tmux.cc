#include "tmux.h"

#include <signal.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace vramcast::tests {
namespace {

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string OutputOf(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), got);
  }
  pclose(pipe);
  return text;
}

}  // namespace

bool Tmux::IsHere() { return std::system("command -v tmux >/dev/null 2>&1") == 0; }

Tmux::Tmux(int columns, int rows, const std::map<std::string, std::string>& environment) {
  std::string start = "new-session -d -x " + std::to_string(columns) + " -y " +
                      std::to_string(rows) + " -e VRAMCAST_DATA_DIR=" + Quoted(folder_.path()) +
                      " -e LC_ALL=C.UTF-8";
  for (const auto& [name, value] : environment) start += " -e " + Quoted(name + "=" + value);
  Run(start + " 'exec bash --norc --noprofile -i'");
  Shows("bash-");  // its prompt
}

Tmux::~Tmux() { Run("kill-server"); }

std::string Tmux::Run(const std::string& command) const {
  return OutputOf("tmux -S " + Quoted(folder_.path() + "/tmux") + " -f /dev/null -u " + command +
                  " 2>&1");
}

void Tmux::Type(const std::string& text) const {
  Run("send-keys -l " + Quoted(text));
  Run("send-keys Enter");
}
void Tmux::Key(const std::string& name) const { Run("send-keys " + name); }
void Tmux::Resize(int columns, int rows) const {
  Run("resize-window -x " + std::to_string(columns) + " -y " + std::to_string(rows));
}
std::string Tmux::Screen() const { return Run("capture-pane -p"); }
std::string Tmux::ScreenWithColours() const { return Run("capture-pane -p -e"); }

void Tmux::Signal(int signal) const {
  const std::string shell = Run("list-panes -F '#{pane_pid}'");
  const std::string child = OutputOf("pgrep -P " + shell);
  if (!child.empty()) kill(static_cast<pid_t>(std::stol(child)), signal);
}

bool Tmux::Wait(const std::string& text, bool wanted) const {
  constexpr int kTries = 300;
  for (int i = 0; i < kTries; ++i) {
    if ((Screen().find(text) != std::string::npos) == wanted) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}
bool Tmux::Shows(const std::string& text) const { return Wait(text, true); }
bool Tmux::ShowsNoMore(const std::string& text) const { return Wait(text, false); }

}  // namespace vramcast::tests
