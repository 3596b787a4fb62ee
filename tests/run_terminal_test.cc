// `vramcast run` on a terminal: the command has one too, of the same size; keys, job control and
// window changes work; and the terminal is as it was, whatever ends the run.
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "run_fixture.h"

namespace vramcast::tests {
namespace {

// A terminal with a shell in it that controls jobs, as a person has.
class Terminal {
 public:
  Terminal(const std::string& folder, const std::map<std::string, std::string>& environment) {
    winsize size{.ws_row = 40, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      setenv("PS1", "ready> ", 1);
      setenv("PATH", (folder + ":" + std::getenv("PATH")).c_str(), 1);
      setenv("TERM", "dumb", 1);
      if (chdir(folder.c_str()) != 0) _exit(126);
      execl("/bin/bash", "bash", "--norc", "--noprofile", "--noediting", "-i", nullptr);
      _exit(127);
    }
    Await("ready> ");
  }
  ~Terminal() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void Type(const std::string& keys) const {
    ASSERT_EQ(write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  // Reads until `text` comes; what was read up to its end.
  std::string Await(const std::string& text) {
    constexpr int kPatience = 60000;  // ms
    for (;;) {
      const size_t at = unread_.find(text);
      if (at != std::string::npos) {
        std::string seen = unread_.substr(0, at + text.size());
        unread_.erase(0, at + text.size());
        return seen;
      }
      pollfd ready = {master_, POLLIN, 0};
      char buffer[4096];
      const ssize_t got =
          poll(&ready, 1, kPatience) == 1 ? read(master_, buffer, sizeof buffer) : -1;
      if (got <= 0) {
        ADD_FAILURE() << "no \"" << text << "\" in: " << unread_;
        return unread_;
      }
      unread_.append(buffer, static_cast<size_t>(got));
    }
  }

  void Resize(unsigned short rows, unsigned short columns) const {
    winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(master_, TIOCSWINSZ, &size);
  }

  // Lines are edited, keys are echoed and make signals: not raw.
  bool IsUsual() const {
    termios now;
    constexpr tcflag_t kUsual = ICANON | ECHO | ISIG;
    for (int i = 0; i < 500; ++i) {
      if (tcgetattr(master_, &now) == 0 && (now.c_lflag & kUsual) == kUsual) return true;
      usleep(10000);
    }
    return false;
  }

 private:
  int master_ = -1;
  pid_t pid_ = -1;
  std::string unread_;
};

class RunTerminalTest : public RunTest {
 protected:
  RunTerminalTest() : terminal_(WithBinary(folder_.path()), Environment()) {}

  static std::string WithBinary(const std::string& folder) {
    std::filesystem::create_symlink(VRAMCAST_BINARY, folder + "/vramcast");
    return folder;
  }
  Terminal terminal_;
};

TEST_F(RunTerminalTest, TheCommandHasATerminalOfTheSameSize) {
  folder_.Write("look.py",
                "import os, sys\nprint('tty', sys.stdin.isatty(), sys.stdout.isatty(), "
                "sys.stderr.isatty(), *os.get_terminal_size())\n");
  terminal_.Type("vramcast run -- python3 look.py\n");
  terminal_.Await("tty True True True 100 40\r\n");
  terminal_.Await("ready> ");
  EXPECT_TRUE(terminal_.IsUsual());
}

TEST_F(RunTerminalTest, TheWindowsSizeIsFollowed) {
  terminal_.Type(
      "vramcast run -- bash -c 'trap \"stty size; exit\" WINCH; echo up; while :; do sleep "
      "0.02; done'\n");
  terminal_.Await("up\r\n");
  terminal_.Resize(25, 90);
  terminal_.Await("25 90");
  terminal_.Await("ready> ");
}

TEST_F(RunTerminalTest, KeysReachTheCommand) {
  terminal_.Type("vramcast run -- sh -c 'echo up; read line; echo got $line'\n");
  terminal_.Await("up\r\n");
  terminal_.Type("hello\n");
  terminal_.Await("got hello");
  terminal_.Await("ready> ");
}

TEST_F(RunTerminalTest, TheInterruptKeyEndsIt) {
  terminal_.Type("vramcast run -- sh -c 'echo $$ > pid; exec sleep 1000'\n");
  const std::string command = std::to_string(AwaitPid(Path("pid")));
  // A shell that is just starting another program may lose the key, here as without vramcast.
  for (int i = 0; i < 6000 && ReadFile("/proc/" + command + "/comm") != "sleep\n"; ++i) {
    usleep(10000);
  }
  terminal_.Type("\x03");
  terminal_.Await("ready> ");
  terminal_.Type("echo code $?\n");
  terminal_.Await("code 130");
  EXPECT_TRUE(terminal_.IsUsual());
}

std::string StateOf(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  const size_t bracket = stat.rfind(')');
  return bracket == std::string::npos ? "gone" : stat.substr(bracket + 2, 1);
}

// With the output on the terminal, and with the output in a file (then the terminal is shared).
TEST_F(RunTerminalTest, TheSuspendKeyStopsTheJobAndTheShellContinuesIt) {
  for (const std::string to : {"", " > log 2>&1"}) {
    const std::string file = to.empty() ? "first" : "second";
    folder_.Write("go", "");
    // The loop starts no program: a shell that is just starting one cannot be stopped.
    terminal_.Type("vramcast run -- sh -c 'echo $$ > " + file +
                   "; while [ -e go ]; do :; done; exit 7'" + to + "\n");
    const pid_t command = AwaitPid(Path(file));
    // Until the command has the terminal, the key would mean this program alone.
    for (int i = 0; i < 50; ++i) usleep(10000);
    terminal_.Type("\x1a");
    terminal_.Await("Stopped");
    terminal_.Await("ready> ");
    EXPECT_TRUE(terminal_.IsUsual());
    for (int i = 0; i < 1000 && StateOf(command) != "T"; ++i) usleep(10000);
    EXPECT_EQ(StateOf(command), "T") << to;
    terminal_.Type("rm go\n");
    terminal_.Await("ready> ");
    terminal_.Type("fg\n");
    terminal_.Await("exit 7'");
    terminal_.Await("ready> ");
    terminal_.Type("echo code $?\n");
    terminal_.Await("code 7");
  }
}

TEST_F(RunTerminalTest, AJobInTheBackgroundLeavesTheTerminalAlone) {
  terminal_.Type(
      "vramcast run -- sh -c 'echo $$ > pid; while [ ! -e go ]; do sleep 0.02; done; echo "
      "finished' &\n");
  AwaitPid(Path("pid"));
  terminal_.Await("ready> ");
  terminal_.Type("echo the shell reads\n");
  terminal_.Await("the shell reads\r\nready> ");
  EXPECT_TRUE(terminal_.IsUsual());
  folder_.Write("go", "");
  terminal_.Await("finished");
}

TEST_F(RunTerminalTest, AKilledSupervisorLeavesTheTerminalUsable) {
  terminal_.Type("vramcast run -- sh -c 'echo $PPID > guardian; echo up; sleep 1000'\n");
  terminal_.Await("up\r\n");
  const pid_t guardian = AwaitPid(Path("guardian"));
  const std::string stat = ReadFile("/proc/" + std::to_string(guardian) + "/stat");
  kill(std::stoi(stat.substr(stat.rfind(')') + 4)), SIGKILL);
  terminal_.Await("Killed");
  EXPECT_TRUE(AwaitEnd(guardian));
  EXPECT_TRUE(terminal_.IsUsual());
  terminal_.Type("echo still here\n");
  terminal_.Await("still here");
}

TEST_F(RunTerminalTest, AsksBeforeItStartsWhatCannotFit) {
  terminal_.Type(
      "vramcast run --gpu=rtx3090 -- python3 -m scripts.base_train --depth=20 "
      "--device-batch-size=32\n");
  terminal_.Await("start it all the same? [y/N] ");
  terminal_.Type("n\n");
  terminal_.Await("not started");
  terminal_.Await("ready> ");
  terminal_.Type(
      "vramcast run --gpu=rtx3090 --retries=0 -- python3 -m scripts.base_train --depth=20 "
      "--device-batch-size=32\n");
  terminal_.Await("start it all the same? [y/N] ");
  terminal_.Type("y\n");
  terminal_.Await("training with");
  terminal_.Await("ready> ");
}

}  // namespace
}  // namespace vramcast::tests
