#include "gpu/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gpu/leftover.h"
#include "gpu/sampler.h"

namespace vramcast::gpu {
namespace {

namespace fs = std::filesystem;
using namespace literals;  // NOLINT: sizes
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A made-up /proc and /sys.
class HostTest : public testing::Test {
 protected:
  HostTest() {
    std::string pattern = (fs::temp_directory_path() / "vramcast-host-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    Process(1, "systemd", "/sbin/init", 0);
  }
  ~HostTest() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path, std::ios::binary) << text;
  }
  void Process(int pid, const std::string& name, const std::string& command, int parent,
               char state = 'S', int start = 5000) const {
    const std::string folder = "/proc/" + std::to_string(pid);
    Write(folder + "/stat",
          std::to_string(pid) + " (" + name + ") " + state + " " + std::to_string(parent) +
              " 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 " + std::to_string(start) + " 1 2 3\n");
    std::string raw = command;
    for (char& c : raw) c = c == ' ' ? '\0' : c;
    Write(folder + "/cmdline", raw + '\0');
  }
  Machine Completed(std::vector<GpuProcess> processes, std::optional<int> utilisation = 0) const {
    Machine machine;
    machine.gpus.push_back(
        {.name = "NVIDIA A40", .utilisation = utilisation, .processes = std::move(processes)});
    Completer(Host(root_)).Complete(&machine);
    return machine;
  }

  std::string root_;
};

TEST_F(HostTest, ReadsAProcessWhoseNameHoldsParentheses) {
  Process(42, "odd) R 1 (name", "python3 -m scripts.base_train", 1);
  const auto facts = Host(root_).Process(42);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->name, "odd) R 1 (name");
  EXPECT_EQ(facts->command_line, "python3 -m scripts.base_train");
  EXPECT_EQ(facts->parent, 1);
  EXPECT_EQ(facts->parent_name, "systemd");
  EXPECT_EQ(facts->start_ticks, 5000u);
  EXPECT_FALSE(Host(root_).Process(43).has_value());
}

TEST_F(HostTest, TellsWhatAProcessWasStartedWith) {
  Process(42, "python3", "python3 train.py", 1);
  using namespace std::string_literals;
  Write("/proc/42/environ", "HOME=/root\0WORLD_SIZE=8\0MORE_WORLD_SIZE=9\0"s);
  fs::create_symlink("/home/ada/nanochat", root_ + "/proc/42/cwd");
  EXPECT_EQ(Host(root_).Variable(42, "WORLD_SIZE"), "8");
  EXPECT_FALSE(Host(root_).Variable(42, "RANK"));
  EXPECT_FALSE(Host(root_).Variable(43, "RANK"));
  EXPECT_EQ(Host(root_).WorkingFolder(42), "/home/ada/nanochat");
  EXPECT_FALSE(Host(root_).WorkingFolder(43));
}

// A known process is looked at again only every so often, but its end is seen within that time.
TEST_F(HostTest, TheEndOfAKnownProcessIsSeenLater) {
  Process(42, "python3", "python3 train.py", 1, 'S');
  Completer completer((Host(root_)));
  Machine machine;
  machine.gpus.push_back({.name = "NVIDIA A40", .processes = {{.pid = 42}}});
  completer.Complete(&machine);
  EXPECT_EQ(machine.gpus[0].processes[0].name, "python3");
  fs::remove_all(root_ + "/proc/42");
  bool seen = false;
  for (int i = 0; i < 20 && !seen; ++i) {
    machine.gpus[0].processes = {{.pid = 42}};
    completer.Complete(&machine);
    seen = machine.gpus[0].processes[0].leftover == Leftover::kNotFound;
  }
  EXPECT_TRUE(seen);
}

TEST_F(HostTest, BrokenFilesAreNoProcess) {
  for (const char* text : {"", "(", ")(", "7 (x) S", "7 (x) SS 1 1 1", "\xff\xfe"}) {
    Write("/proc/7/stat", text);
    EXPECT_FALSE(Host(root_).Process(7).has_value()) << text;
  }
}

TEST_F(HostTest, NamesWhatAnEarlierRunLeftBehind) {
  Process(42, "python3", "python3 -m scripts.base_train", 1);
  const Machine machine = Completed({{.pid = 42, .used = 6_GiB}});
  const GpuProcess& process = machine.gpus[0].processes[0];
  EXPECT_EQ(process.leftover, Leftover::kOrphan);
  EXPECT_THAT(*process.end_command, HasSubstr("kill 42"));
  EXPECT_EQ(process.command_line, "python3 -m scripts.base_train");
}

TEST_F(HostTest, AnOrphanOnABusyGpuAndARunWithAParentAreAtWork) {
  Process(42, "python3", "python3 train.py", 1);
  EXPECT_FALSE(Completed({{.pid = 42}}, 90).gpus[0].processes[0].leftover.has_value());
  Process(50, "bash", "bash", 1);
  Process(51, "python3", "python3 train.py", 50);
  EXPECT_FALSE(Completed({{.pid = 51}}).gpus[0].processes[0].leftover.has_value());
  Process(60, "Xorg", "Xorg", 1);
  EXPECT_FALSE(Completed({{.pid = 60}}).gpus[0].processes[0].leftover.has_value());
}

TEST_F(HostTest, AZombieIsEndedThroughItsParent) {
  Process(50, "torchrun", "torchrun", 1);
  Process(51, "python3", "", 50, 'Z');
  const Machine machine = Completed({{.pid = 51}});
  EXPECT_EQ(machine.gpus[0].processes[0].leftover, Leftover::kZombie);
  EXPECT_EQ(machine.gpus[0].processes[0].end_command, "kill 50");
}

TEST_F(HostTest, AnIdThatNobodyHasIsDeadHereButHiddenInAContainer) {
  const Machine bare = Completed({{.pid = 4711}});
  EXPECT_EQ(bare.gpus[0].processes[0].leftover, Leftover::kNotFound);
  Write("/.dockerenv", "");
  const Machine contained = Completed({{.pid = 4711}});
  EXPECT_FALSE(contained.gpus[0].processes[0].leftover.has_value());
  EXPECT_TRUE(contained.gpus[0].processes[0].hidden);
  EXPECT_THAT(contained.notes, testing::Contains(HasSubstr("container")));
}

TEST_F(HostTest, InAContainerASharedNumberIsNotTakenForTheProcess) {
  Write("/.dockerenv", "");
  Process(42, "python3", "python3 other.py", 1);
  fs::create_directories(root_ + "/proc/42/fd");
  const Machine other = Completed({{.pid = 42}});
  EXPECT_TRUE(other.gpus[0].processes[0].hidden);
  EXPECT_FALSE(other.gpus[0].processes[0].name.has_value());
  fs::create_symlink("/dev/nvidia0", root_ + "/proc/42/fd/9");
  EXPECT_EQ(Completed({{.pid = 42}}).gpus[0].processes[0].name, "python3");
}

TEST_F(HostTest, ContainersAndBusesAreTold) {
  EXPECT_FALSE(Host(root_).InContainer());
  EXPECT_FALSE(Host(root_).NvidiaOnPciBus());
  Write("/proc/1/cgroup", "0::/system.slice/docker-77.scope\n");
  EXPECT_TRUE(Host(root_).InContainer());
  Write("/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  Write("/sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n");
  EXPECT_TRUE(Host(root_).NvidiaOnPciBus());
  EXPECT_THAT(ExplainNoDriver(Host(root_)), HasSubstr("install the driver"));
}

TEST_F(HostTest, ABoardThatSharesTheCpusMemoryUsesItsNumbers) {
  Write("/proc/meminfo", "MemTotal: 8000000 kB\nMemFree: 1 kB\nMemAvailable: 6000000 kB\n");
  Machine machine;
  machine.gpus.push_back({.name = "Orin"});
  Completer(Host(root_)).Complete(&machine);
  EXPECT_EQ(machine.gpus[0].total, Bytes(8000000LL * 1024));
  EXPECT_EQ(machine.gpus[0].free, Bytes(6000000LL * 1024));
}

}  // namespace
}  // namespace vramcast::gpu
