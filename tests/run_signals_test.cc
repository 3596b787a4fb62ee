// Whatever ends a `vramcast run`, its exit code is right and nothing stays behind: no process, no
// temporary file.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

#include "run_fixture.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class RunSignalsTest : public RunTest {
 protected:
  // A command that notes its process id and then runs `rest`.
  std::vector<std::string> Shell(const std::string& rest) const {
    return {"sh", "-c", "echo $$ > pid; " + rest};
  }
  pid_t CommandsPid() const { return AwaitPid(Path("pid")); }
};

constexpr const char* kForEver = "while :; do sleep 0.02; done";

TEST_F(RunSignalsTest, TheCommandDecidesWhatASignalMeans) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    const auto run = Start(
        {}, Shell("trap 'exit 42' INT TERM HUP USR1; echo $$ > pid; " + std::string(kForEver)));
    const pid_t command = CommandsPid();
    run->Send(signal);
    EXPECT_EQ(run->Wait(), 42) << signal;
    EXPECT_FALSE(IsAlive(command));
    std::filesystem::remove(Path("pid"));
  }
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

TEST_F(RunSignalsTest, ASignalThatEndsTheCommandEndsTheRunTheSameWay) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto run = Start({}, {"python3", "-c",
                                "import os, signal, time\n"
                                "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
                                "print(os.getpid(), file=open('pid', 'w'), flush=True)\n"
                                "time.sleep(1000)"});
    const pid_t command = CommandsPid();
    run->Send(signal);
    EXPECT_EQ(run->Wait(), 128 + signal);
    EXPECT_FALSE(IsAlive(command));
    std::filesystem::remove(Path("pid"));
  }
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

TEST_F(RunSignalsTest, ACommandThatIgnoresSignalsIsKilled) {
  const auto run =
      Start({"--grace=1"}, Shell("trap '' INT TERM HUP; echo $$ > pid; " + std::string(kForEver)));
  const pid_t command = CommandsPid();
  run->Send(SIGTERM);
  EXPECT_EQ(run->Wait(), 137);
  EXPECT_FALSE(IsAlive(command));
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_THAT(ReadFile(Path("output")), HasSubstr("was killed"));
}

TEST_F(RunSignalsTest, AnInterruptedRunIsNotStartedAgain) {
  const auto run =
      Start({}, {"sh", "-c",
                 "echo 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.'; "
                 "echo x >> starts; trap 'exit 1' TERM; echo $$ > pid; " +
                     std::string(kForEver)});
  CommandsPid();
  run->Send(SIGTERM);
  EXPECT_EQ(run->Wait(), 1);
  EXPECT_EQ(ReadFile(Path("starts")), "x\n");
}

TEST_F(RunSignalsTest, AKilledCommandLeavesNothing) {
  const auto run = Start(
      {}, Shell("setsid sleep 1000 & echo $! > child; echo $$ > pid; " + std::string(kForEver)));
  const pid_t child = AwaitPid(Path("child"));
  kill(CommandsPid(), SIGKILL);
  EXPECT_EQ(run->Wait(), 137);
  EXPECT_FALSE(IsAlive(child));
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

TEST_F(RunSignalsTest, AKilledSupervisorLeavesNothing) {
  const auto run =
      Start({"--grace=1"}, Shell("trap '' TERM; setsid sleep 1000 & echo $! > child; echo $$ > "
                                 "pid; " +
                                 std::string(kForEver)));
  const pid_t child = AwaitPid(Path("child")), command = CommandsPid();
  EXPECT_EQ(TemporaryFiles().size(), 1u);
  run->Send(SIGKILL);
  EXPECT_EQ(run->Wait(), 137);
  EXPECT_TRUE(AwaitEnd(command));
  EXPECT_TRUE(AwaitEnd(child));
  for (int i = 0; i < 1000 && !TemporaryFiles().empty(); ++i) usleep(10000);
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

TEST_F(RunSignalsTest, AKilledGuardianLeavesNothing) {
  const auto run = Start({"--grace=1"}, Shell(kForEver));
  const pid_t command = CommandsPid();
  const std::string stat = ReadFile("/proc/" + std::to_string(command) + "/stat");
  const pid_t guardian = std::stoi(stat.substr(stat.rfind(')') + 4));
  kill(guardian, SIGKILL);
  EXPECT_EQ(run->Wait(), 4);
  EXPECT_FALSE(IsAlive(command));
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

TEST_F(RunSignalsTest, WhatTheCommandLeavesRunningIsEndedAndCounted) {
  const auto report = Report({"--grace=1"}, {"sh", "-c", "setsid sleep 1000 & echo $! > child"});
  EXPECT_FALSE(IsAlive(AwaitPid(Path("child"))));
  EXPECT_EQ(report["attempts"][0]["leftover_processes"], 1);
  EXPECT_EQ(report["exit_code"], 0);
}

TEST_F(RunSignalsTest, AHangUpThatIsIgnoredStaysIgnored) {
  signal(SIGHUP, SIG_IGN);  // as nohup does
  const auto run = Start({}, Shell("while [ ! -e go ]; do sleep 0.02; done; exit 7"));
  signal(SIGHUP, SIG_DFL);
  CommandsPid();
  run->Send(SIGHUP);
  folder_.Write("go", "");
  EXPECT_EQ(run->Wait(), 7);
}

TEST_F(RunSignalsTest, AReaderThatWentAwayIsNoticedByTheCommand) {
  const auto run = Start({}, {"sh", "-c",
                              "'" VRAMCAST_BINARY "' run -- sh -c 'echo $$ > pid; yes' | head -n 1 "
                              "> first"});
  const pid_t command = CommandsPid();
  run->Wait();
  EXPECT_EQ(ReadFile(Path("first")), "y\n");
  EXPECT_FALSE(IsAlive(command));
}

TEST_F(RunSignalsTest, AFullDiskDoesNotStopTheRun) {
  const Outcome outcome = Run(
      {}, {"sh", "-c",
           "'" VRAMCAST_BINARY "' run -- sh -c 'seq 100000; exit 7' > /dev/full; echo code $?"});
  EXPECT_THAT(outcome.out, HasSubstr("code 7"));
  EXPECT_THAT(outcome.err, HasSubstr("could not be written: No space left on device"));
}

TEST_F(RunSignalsTest, WithoutRoomForTemporaryFilesItRunsWithoutTheModule) {
  const std::string full = Path("full");
  std::filesystem::create_directory(full);
  if (mount("tmpfs", full.c_str(), "tmpfs", 0, "size=4k,nr_inodes=2") != 0) {
    GTEST_SKIP() << "no right to mount a small file system";
  }
  const Outcome outcome = Run({}, {"sh", "-c", "exit 7"},
                              {.input = {}, .environment = {{"TMPDIR", full}}, .directory = {}});
  const bool left = !std::filesystem::is_empty(full);
  umount(full.c_str());
  EXPECT_EQ(outcome.code, 7);
  EXPECT_THAT(outcome.err, HasSubstr("nothing is recorded inside Python"));
  EXPECT_FALSE(left);
}

// The full size is run by hand; see docs/run.md.
TEST_F(RunSignalsTest, ALongLogTakesConstantMemory) {
  // The address sanitizer holds freed memory back, by default 256 MiB of it.
  setenv("ASAN_OPTIONS", "detect_leaks=0:quarantine_size_mb=8", 1);
  const auto peak_kib = [this](const std::string& bytes) {
    const auto run =
        Start({}, {"sh", "-c",
                   "echo torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB; "
                   "yes 'step 00001/10000 (0.01%) | loss: 3.1 | dt: 10ms' | head -c " +
                       bytes + "; exit 3"});
    EXPECT_EQ(run->Wait(), 3);
    return run->peak_kib();
  };
  const long of_short_log = peak_kib("10000000");
  EXPECT_LT(peak_kib("300000000"), of_short_log + 50 * 1024);
  EXPECT_GT(std::filesystem::file_size(Path("output")), 300'000'000u);
}

}  // namespace
}  // namespace vramcast::tests
