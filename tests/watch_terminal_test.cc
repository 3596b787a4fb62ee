// The full screen of `vramcast watch`, in a real terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "fake_machine.h"
#include "tmux.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kDemo = VRAMCAST_BINARY " watch --gpu-source demo --interval 0.05";

class WatchTerminal : public testing::Test {
 protected:
  void SetUp() override {
    if (!Tmux::IsHere()) GTEST_SKIP() << "tmux is not installed";
  }
  // The shell is there again, and what is typed is seen.
  static void ExpectShell(const Tmux& tmux) {
    tmux.Type("echo back-$((1 + 1))");
    EXPECT_TRUE(tmux.Shows("back-2")) << tmux.Screen();
    EXPECT_THAT(tmux.Screen(), HasSubstr("echo back-$((1 + 1))"));
    EXPECT_THAT(tmux.Screen(), Not(HasSubstr("space pause")));
  }
};

TEST_F(WatchTerminal, IsDrawnAndGivenBack) {
  const Tmux tmux(80, 24);
  tmux.Type("echo before-$((2 + 3))");
  tmux.Type(kDemo);
  ASSERT_TRUE(tmux.Shows("q quit")) << tmux.Screen();
  ASSERT_TRUE(tmux.Shows("NVIDIA GeForce RTX 3090")) << tmux.Screen();
  EXPECT_THAT(tmux.Screen(), HasSubstr("█"));
  EXPECT_THAT(tmux.Screen(), Not(HasSubstr("before-5")));
  tmux.Key("'?'");
  EXPECT_TRUE(tmux.Shows("Ctrl-Z")) << tmux.Screen();
  tmux.Key("'?'");
  EXPECT_TRUE(tmux.ShowsNoMore("Ctrl-Z")) << tmux.Screen();
  tmux.Key("Space");
  EXPECT_TRUE(tmux.Shows("paused")) << tmux.Screen();
  tmux.Key("q");
  EXPECT_TRUE(tmux.Shows("After")) << tmux.Screen();
  EXPECT_THAT(tmux.Screen(), HasSubstr("before-5"));
  ExpectShell(tmux);
}

TEST_F(WatchTerminal, FollowsTheSizeOfTheWindow) {
  const Tmux tmux(80, 24);
  tmux.Type(kDemo);
  ASSERT_TRUE(tmux.Shows("RTX 3090")) << tmux.Screen();
  tmux.Resize(200, 60);
  EXPECT_TRUE(tmux.Shows("python3 -m scripts.base_train --depth=12 --device-batch-size=8"))
      << tmux.Screen();
  tmux.Resize(30, 8);
  EXPECT_TRUE(tmux.ShowsNoMore("scripts.base_train")) << tmux.Screen();
  EXPECT_TRUE(tmux.Shows("q quit")) << tmux.Screen();
  tmux.Resize(80, 24);
  EXPECT_TRUE(tmux.Shows("NVIDIA GeForce RTX 3090")) << tmux.Screen();
  tmux.Key("q");
  ExpectShell(tmux);
}

TEST_F(WatchTerminal, SignalsLeaveTheTerminalAsItWas) {
  const Tmux tmux(80, 24);
  for (const int signal : {0, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV}) {
    tmux.Type("clear");
    tmux.Type(kDemo);
    ASSERT_TRUE(tmux.Shows("RTX 3090")) << signal << tmux.Screen();
    if (signal == 0) {
      tmux.Key("C-c");
    } else {
      tmux.Signal(signal);
    }
    ASSERT_TRUE(tmux.ShowsNoMore("space pause")) << signal << tmux.Screen();
    ExpectShell(tmux);
  }
}

TEST_F(WatchTerminal, SleepsAndComesBack) {
  const Tmux tmux(80, 24);
  tmux.Type(kDemo);
  ASSERT_TRUE(tmux.Shows("RTX 3090")) << tmux.Screen();
  tmux.Key("C-z");
  ASSERT_TRUE(tmux.Shows("Stopped")) << tmux.Screen();
  ExpectShell(tmux);
  tmux.Type("fg");
  EXPECT_TRUE(tmux.Shows("q quit")) << tmux.Screen();
  tmux.Key("q");
  EXPECT_TRUE(tmux.Shows("After")) << tmux.Screen();
  ExpectShell(tmux);
}

TEST_F(WatchTerminal, WorksOnEveryKindOfTerminal) {
  const Tmux tmux(80, 24);
  for (const std::string kind : {"screen", "xterm", "vt100", "tmux-256color"}) {
    tmux.Type("clear");
    tmux.Type("TERM=" + kind + " " + kDemo);
    EXPECT_TRUE(tmux.Shows("q quit")) << kind << tmux.Screen();
    EXPECT_TRUE(tmux.Shows("RTX 3090")) << kind << tmux.Screen();
    tmux.Key("q");
    ExpectShell(tmux);
  }
  // On these nothing can be drawn: they get lines.
  for (const std::string kind : {"dumb", "no-such-terminal", ""}) {
    tmux.Type("clear");
    tmux.Type("TERM='" + kind + "' " + kDemo + " --count 3");
    EXPECT_TRUE(tmux.Shows("After 3 samples")) << kind << tmux.Screen();
  }
}

TEST_F(WatchTerminal, PlainLettersWithoutUtf8AndNoColourWhereNoneIsWanted) {
  const Tmux tmux(80, 24);
  tmux.Type("LC_ALL=C " + std::string(kDemo));
  ASSERT_TRUE(tmux.Shows("####")) << tmux.Screen();
  for (const char c : tmux.Screen()) EXPECT_GE(c, 0) << tmux.Screen();
  EXPECT_THAT(tmux.ScreenWithColours(), HasSubstr("\x1b[36m"));
  tmux.Key("q");
  ExpectShell(tmux);
  tmux.Type("clear; NO_COLOR=1 " + std::string(kDemo));
  ASSERT_TRUE(tmux.Shows("████")) << tmux.Screen();
  EXPECT_THAT(tmux.ScreenWithColours(), Not(HasSubstr("\x1b[36m")));
  tmux.Key("q");
  ExpectShell(tmux);
}

TEST_F(WatchTerminal, TabGoesFromGpuToGpu) {
  const ScratchFolder folder;
  const Tmux tmux(80, 24, FakeNvml(folder, R"({"gpus": [
      {"name": "NVIDIA A40", "uuid": "GPU-1", "total_mib": 46068, "used_mib": 100},
      {"name": "NVIDIA L4", "uuid": "GPU-2", "total_mib": 23034, "used_mib": 200}]})"));
  tmux.Type(VRAMCAST_BINARY " watch --interval 0.05");
  ASSERT_TRUE(tmux.Shows("NVIDIA A40")) << tmux.Screen();
  ASSERT_TRUE(tmux.Shows("NVIDIA L4")) << tmux.Screen();
  tmux.Key("Tab");
  EXPECT_TRUE(tmux.ShowsNoMore("NVIDIA L4")) << tmux.Screen();
  tmux.Key("Tab");
  EXPECT_TRUE(tmux.Shows("NVIDIA L4")) << tmux.Screen();
  EXPECT_TRUE(tmux.ShowsNoMore("NVIDIA A40")) << tmux.Screen();
  tmux.Key("Tab");
  EXPECT_TRUE(tmux.Shows("NVIDIA A40")) << tmux.Screen();
  tmux.Key("q");
  ExpectShell(tmux);
}

}  // namespace
}  // namespace vramcast::tests
