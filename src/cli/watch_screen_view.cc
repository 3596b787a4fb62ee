#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "cli/terminal_screen.h"
#include "cli/wake.h"
#include "cli/watch_view.h"

namespace vramcast::cli {
namespace {

class ScreenView : public WatchView {
 public:
  ScreenView(std::unique_ptr<TerminalScreen> screen, std::string source, double interval)
      : screen_(std::move(screen)) {
    state_.source = std::move(source);
    state_.interval = interval;
    state_.past = &past_;
    Draw();
  }

  void Show(const monitor::Report& report) override {
    past_.Add(report);
    if (state_.paused) return;
    report_ = report;
    state_.report = &report_;
    Draw();
  }
  void Note(const std::string& note) override {
    const auto known = std::find(state_.notes.begin(), state_.notes.end(), note);
    if (known != state_.notes.end()) return;
    // The newest stands first; two are shown.
    constexpr size_t kMost = 16;
    state_.notes.insert(state_.notes.begin(), note);
    if (state_.notes.size() > kMost) state_.notes.pop_back();
  }
  void Stalled(std::optional<double> seconds) override {
    if (!seconds && !state_.stalled) return;
    state_.stalled = seconds;
    Draw();
  }
  int key_fd() const override { return STDIN_FILENO; }

  bool Attend() override {
    bool changed = false;
    if (Wake::Took(SIGTSTP)) {
      screen_->Suspend();
      changed = true;
    }
    if (Wake::Took(SIGWINCH) || Wake::Took(SIGCONT)) {
      screen_->Resize();
      changed = true;
    }
    for (auto key = screen_->Key(); key; key = screen_->Key()) {
      if (*key == 'q' || *key == 'Q') return false;
      Press(*key);
      changed = true;
    }
    if (changed) Draw();
    return true;
  }

 private:
  void Press(int key) {
    if (key == ' ') state_.paused = !state_.paused;
    if (key == '?' || key == 'h') {
      state_.help = !state_.help;
    } else {
      state_.help = false;
    }
    if (key != TerminalScreen::kTab || report_.gpus.size() < 2) return;
    const size_t next = state_.focus ? *state_.focus + 1 : 0;
    state_.focus = next < report_.gpus.size() ? std::optional(next) : std::nullopt;
  }

  void Draw() {
    screen_->Show(DrawWatch(state_, screen_->columns(), screen_->rows(), screen_->ascii()));
  }

  std::unique_ptr<TerminalScreen> screen_;
  WatchPast past_;
  monitor::Report report_;
  WatchState state_;
};

}  // namespace

std::unique_ptr<WatchView> MakeScreenView(std::unique_ptr<TerminalScreen> screen,
                                          std::string source, double interval) {
  return std::make_unique<ScreenView>(std::move(screen), std::move(source), interval);
}

}  // namespace vramcast::cli
