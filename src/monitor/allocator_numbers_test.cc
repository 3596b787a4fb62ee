#include "monitor/allocator_numbers.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace vramcast::monitor {
namespace {

namespace fs = std::filesystem;
using namespace literals;  // NOLINT: sizes

TEST(AllocatorNow, OneLine) {
  const auto now = ParseAllocatorNow("vramcast.now 1 1760000000.250 0 1048576 2097152\n");
  ASSERT_TRUE(now);
  EXPECT_EQ(now->allocated, 1_MiB);
  EXPECT_EQ(now->reserved, 2_MiB);
  EXPECT_EQ(now->time, 1760000000.25);
}

TEST(AllocatorNow, AnythingElseIsNothing) {
  for (const char* line :
       {"", "\n", "vramcast.now 1 5 0 10", "vramcast.now 2 5 0 10 20", "vramcast.now 1 x 0 10 20",
        "vramcast.now 1 5 0 -1 20", "vramcast.now 1 5 0 30 20", "vramcast.now 1 5 0 10 20 30"}) {
    EXPECT_FALSE(ParseAllocatorNow(line)) << line;
  }
}

// A /proc of its own, in which process 77 was started by `vramcast run`.
class AllocatorNumbersTest : public testing::Test {
 protected:
  AllocatorNumbersTest() {
    std::string name = (fs::temp_directory_path() / "vramcast-now-XXXXXX").string();
    root_ = mkdtemp(name.data());
    fs::create_directories(root_ + "/proc/77");
    fs::create_directories(root_ + "/run/records");
    Write("/proc/77/stat", "77 (python3) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 0\n");
    Write("/proc/77/environ", "HOME=/root" + std::string(1, '\0') + "VRAMCAST_RUN=" + root_ +
                                  "/run" + std::string(1, '\0'));
  }
  ~AllocatorNumbersTest() override { fs::remove_all(root_); }
  void Write(const std::string& path, const std::string& text) const {
    std::ofstream(root_ + path, std::ios::binary) << text;
  }
  ProcessSample Filled(double time) const {
    Sample sample{.time = time};
    sample.gpus.push_back({.id = "0", .processes = {{.pid = 77}, {.pid = 78}}});
    AllocatorNumbers(gpu::Host(root_)).Fill(&sample);
    EXPECT_FALSE(sample.gpus[0].processes[1].allocated);
    return sample.gpus[0].processes[0];
  }
  std::string root_;
};

TEST_F(AllocatorNumbersTest, TheEnvironmentLeadsToThem) {
  EXPECT_FALSE(Filled(100).allocated);  // not written yet
  Write("/run/records/pid77.now", "vramcast.now 1 100.0 0 1048576 2097152\n");
  EXPECT_EQ(Filled(101).allocated, 1_MiB);
  EXPECT_EQ(Filled(101).reserved, 2_MiB);
  EXPECT_FALSE(Filled(200).allocated);  // too old
}

TEST_F(AllocatorNumbersTest, NothingButAPlainFileIsRead) {
  Write("/run/elsewhere", "vramcast.now 1 100.0 0 1048576 2097152\n");
  fs::create_symlink(root_ + "/run/elsewhere", root_ + "/run/records/pid77.now");
  EXPECT_FALSE(Filled(100).allocated);
  fs::remove(root_ + "/run/records/pid77.now");
  ASSERT_EQ(mkfifo((root_ + "/run/records/pid77.now").c_str(), 0600), 0);
  EXPECT_FALSE(Filled(100).allocated);  // and does not wait for a writer
}

TEST_F(AllocatorNumbersTest, OfAProcessOnTwoGpusItIsNotKnownWhichIsMeant) {
  Write("/run/records/pid77.now", "vramcast.now 1 100.0 0 1048576 2097152\n");
  Sample sample{.time = 100};
  sample.gpus.push_back({.id = "0", .processes = {{.pid = 77}}});
  sample.gpus.push_back({.id = "1", .processes = {{.pid = 77}}});
  AllocatorNumbers(gpu::Host(root_)).Fill(&sample);
  EXPECT_FALSE(sample.gpus[0].processes[0].allocated);
}

}  // namespace
}  // namespace vramcast::monitor
