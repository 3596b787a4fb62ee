#include "supervise/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.h"

namespace vramcast::supervise {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

Result<Ended> Shell(const std::string& script, std::string* seen = nullptr,
                    std::chrono::milliseconds grace = 10s) {
  return RunChild({.argv = {"/bin/sh", "-c", script},
                   .environment = {{"VRAMCAST_TEST", "yes"}},
                   .output_to_stderr = true,
                   .grace = grace},
                  [seen](std::string_view bytes) {
                    if (seen != nullptr) seen->append(bytes);
                  });
}

// A scratch file that a script writes a process id into.
class PidFile {
 public:
  PidFile() : path_(testing::TempDir() + "pid-" + std::to_string(getpid())) {
    std::filesystem::remove(path_);
  }
  ~PidFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }
  pid_t Read() const {
    std::string text;
    while (Trim(text).empty()) {
      std::ifstream(path_) >> text;
      std::this_thread::sleep_for(5ms);
    }
    return static_cast<pid_t>(ParseInt(Trim(text)).value_or(0));
  }

 private:
  std::string path_;
};

// Sends a signal to this process once the command has written its id. A process and no thread: the
// guardian is forked from a process that must have none.
class Interrupter {
 public:
  Interrupter(const PidFile& file, int signal) : pid_(fork()) {
    if (pid_ != 0) return;
    file.Read();
    kill(getppid(), signal);
    _exit(0);
  }
  ~Interrupter() { waitpid(pid_, nullptr, 0); }
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;

 private:
  pid_t pid_;
};

bool IsAlive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string id, name, state;
  return static_cast<bool>(stat >> id >> name >> state) && state != "Z" && state != "X";
}

TEST(RunChild, PassesOutputEnvironmentAndExitCodeOn) {
  std::string seen;
  const auto ended = Shell("echo out $VRAMCAST_TEST; echo err >&2; exit 7", &seen);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 7);
  EXPECT_EQ(ended->signal, 0);
  EXPECT_FALSE(ended->interrupted);
  EXPECT_THAT(seen, HasSubstr("out yes\n"));
  EXPECT_THAT(seen, HasSubstr("err\n"));
}

TEST(RunChild, ASignalIsReportedAsAShellDoes) {
  const auto ended = Shell("kill -KILL $$");
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 137);
  EXPECT_EQ(ended->signal, SIGKILL);
}

TEST(RunChild, ACommandThatIsNotThereCannotBeRead) {
  const auto ended = RunChild({.argv = {"/no/such/program"}}, {});
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().kind, ErrorKind::kUnreadable);
  EXPECT_THAT(ended.error().message, HasSubstr("/no/such/program"));
}

TEST(RunChild, EndsWhatTheCommandLeftRunning) {
  const PidFile file;
  const auto ended = Shell("setsid sleep 1000 & echo $! > " + file.path() + "; exit 3");
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 3);
  EXPECT_GE(ended->leftovers, 1u);
  EXPECT_FALSE(IsAlive(file.Read()));
}

TEST(RunChild, PassesSignalsOnAndTheCommandDecides) {
  const PidFile file;
  const Interrupter interrupter(file, SIGTERM);
  const auto ended =
      Shell("trap 'exit 42' TERM; echo $$ > " + file.path() + "; while :; do sleep 0.02; done");
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 42);
  EXPECT_TRUE(ended->interrupted);
}

TEST(RunChild, KillsACommandThatIgnoresSignalsWhenGraceIsOver) {
  const PidFile file;
  const Interrupter interrupter(file, SIGINT);
  const auto ended =
      Shell("trap '' INT TERM; echo $$ > " + file.path() + "; while :; do sleep 0.02; done",
            nullptr, 200ms);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->signal, SIGKILL);
  EXPECT_FALSE(IsAlive(file.Read()));
}

TEST(RunChild, NothingStaysWhenTheSupervisorIsKilled) {
  const PidFile file;
  const pid_t supervisor = fork();
  if (supervisor == 0) {
    (void)Shell("trap '' TERM; echo $$ > " + file.path() + "; while :; do sleep 0.02; done",
                nullptr, 100ms);
    _exit(0);
  }
  const pid_t command = file.Read();
  kill(supervisor, SIGKILL);
  waitpid(supervisor, nullptr, 0);
  for (int i = 0; i < 500 && IsAlive(command); ++i) std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(IsAlive(command));
}

}  // namespace
}  // namespace vramcast::supervise
