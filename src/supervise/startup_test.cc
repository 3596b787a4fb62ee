#include "supervise/startup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "supervise/child.h"

namespace vramcast::supervise {
namespace {

namespace fs = std::filesystem;

// A stand-in for PyTorch with the few names that the module uses: it "initialises CUDA" and runs
// out of memory at once.
constexpr const char* kFakeTorch = R"py(
class _C:
    @staticmethod
    def _cuda_attach_out_of_memory_observer(observer):
        observer(0, 1, 2, 3)
        observer(0, 1, 2, 3)

class cuda:
    @staticmethod
    def _lazy_call(function):
        function()
    class memory:
        @staticmethod
        def _record_memory_history(max_entries, stacks):
            print("recording", max_entries, stacks)
        @staticmethod
        def _dump_snapshot(path):
            open(path, "a").write("snapshot")
)py";

class StartupModuleTest : public testing::Test {
 protected:
  StartupModuleTest()
      : folder_(fs::path(testing::TempDir()) / ("vramcast-startup-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "site");
    std::ofstream(folder_ / "site" / "torch.py") << kFakeTorch;
    std::ofstream(folder_ / "site" / "sitecustomize.py") << "print('the user\\'s own')\n";
  }
  ~StartupModuleTest() override { fs::remove_all(folder_); }

  std::string RunPython(const StartupModule& module, const std::string& code) {
    std::string seen;
    ChildOptions options{.argv = {"python3", "-c", code}, .output_to_stderr = true};
    options.environment = module.environment();
    options.environment[0].second += ":" + (folder_ / "site").string();
    const auto ended = RunChild(options, [&](std::string_view bytes) { seen += bytes; });
    EXPECT_TRUE(ended && ended->code == 0) << seen;
    return seen;
  }

  fs::path folder_;
};

TEST_F(StartupModuleTest, RecordsAndWritesOneSnapshotAtTheMomentOfDeath) {
  const auto module = StartupModule::Write((folder_ / "snapshots").string(), 5000);
  ASSERT_TRUE(module.has_value());
  const std::string seen = RunPython(*module, "import torch");
  EXPECT_THAT(seen, testing::HasSubstr("recording 5000 python"));
  EXPECT_THAT(seen, testing::HasSubstr("the user's own"));
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder_ / "snapshots")) files.push_back(entry);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_THAT(files[0].filename().string(), testing::StartsWith("rank0-pid"));
  EXPECT_EQ(fs::file_size(files[0]), 8u);
}

TEST_F(StartupModuleTest, AProgramWithoutTorchNoticesNothing) {
  const auto module = StartupModule::Write((folder_ / "snapshots").string());
  ASSERT_TRUE(module.has_value());
  EXPECT_EQ(RunPython(*module, "print('done')"), "the user's own\ndone\n");
  EXPECT_FALSE(fs::exists(folder_ / "snapshots"));
}

TEST_F(StartupModuleTest, ItsFolderGoesWithIt) {
  std::string folder;
  {
    const auto module = StartupModule::Write("unused");
    ASSERT_TRUE(module.has_value());
    folder = module->environment()[0].second;
    folder = folder.substr(0, folder.find(':'));
    EXPECT_TRUE(fs::exists(folder + "/sitecustomize.py"));
  }
  EXPECT_FALSE(fs::exists(folder));
}

}  // namespace
}  // namespace vramcast::supervise
