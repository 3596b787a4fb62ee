#include "supervise/startup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "supervise/child.h"
#include "supervise/records.h"

namespace vramcast::supervise {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A stand-in for PyTorch with the few names that the module uses: it "initialises CUDA" at once and
// runs out of memory when it is told to.
constexpr const char* kFakeTorch = R"py(
observers = []

class _C:
    allocated = 0
    @classmethod
    def _cuda_memoryStats(cls, device):
        size = {"all": {"current": cls.allocated, "peak": cls.allocated}}
        return {"allocated_bytes": size, "reserved_bytes": size}
    @staticmethod
    def _cuda_attach_out_of_memory_observer(observer):
        observers.append(observer)

class cuda:
    @staticmethod
    def device_count():
        return 1
    @staticmethod
    def _lazy_call(function):
        function()
    class memory:
        @staticmethod
        def _record_memory_history(enabled, context, stacks, max_entries):
            print("recording", enabled, context, stacks, max_entries)
        @staticmethod
        def _dump_snapshot(path):
            open(path, "a").write("snapshot")

def die(allocated=5 << 30):
    _C.allocated = allocated
    for observer in observers:
        observer(0, 2 << 30, 8 << 30, 1 << 30)
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

  StartupModule Write() const {
    auto module = StartupModule::Write((folder_ / "snapshots").string(), true, 5000);
    EXPECT_TRUE(module.has_value());
    return *std::move(module);
  }

  std::string RunPython(const StartupModule& module, const std::string& code,
                        const std::string& more_path = {}) {
    std::string seen;
    ChildOptions options{.argv = {"python3", "-c", code}, .output_to_stderr = true};
    options.environment = module.environment();
    options.environment[0].second += more_path + ":" + (folder_ / "site").string();
    const auto ended = RunChild(options, [&](std::string_view bytes) { seen += bytes; });
    EXPECT_TRUE(ended && ended->code == 0) << seen;
    return seen;
  }

  fs::path folder_;
};

TEST_F(StartupModuleTest, RecordsAndWritesOneSnapshotAtTheMomentOfDeath) {
  const StartupModule module = Write();
  const std::string seen = RunPython(module, "import torch; torch.die(); torch.die()");
  EXPECT_THAT(seen, HasSubstr("recording all alloc python 5000"));
  EXPECT_THAT(seen, HasSubstr("the user's own"));
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder_ / "snapshots")) files.push_back(entry);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_THAT(files[0].filename().string(), testing::StartsWith("rank0-pid"));
  EXPECT_EQ(fs::file_size(files[0]), 8u);
}

TEST_F(StartupModuleTest, TellsWhatTheAllocatorSaid) {
  const StartupModule module = Write();
  RunPython(module,
            "import torch\n"
            "def evaluate_bpb():\n"
            "    torch.die()\n"
            "evaluate_bpb()\n"
            "torch._C.allocated = 1 << 20");
  const Records records = ReadRecords(module.records());
  ASSERT_EQ(records.processes.size(), 1u);
  EXPECT_EQ(records.skipped, 0);
  const ProcessRecord& process = records.processes[0];
  EXPECT_EQ(process.peak_allocated, Bytes(int64_t{5} << 30));
  EXPECT_EQ(process.allocated, Bytes(1 << 20));  // at its end
  ASSERT_EQ(process.deaths.size(), 1u);
  EXPECT_EQ(process.deaths[0].requested, Bytes(int64_t{2} << 30));
  EXPECT_EQ(process.deaths[0].free, Bytes(int64_t{1} << 30));
  EXPECT_EQ(process.deaths[0].allocated, Bytes(int64_t{5} << 30));
  const auto phases = MeasuredPhases(records);
  const auto evaluation = std::find_if(phases.begin(), phases.end(), [](const PhaseMeasured& m) {
    return m.phase == Phase::kEvaluation;
  });
  ASSERT_NE(evaluation, phases.end());
  EXPECT_EQ(evaluation->allocated, Bytes(int64_t{5} << 30));
}

TEST_F(StartupModuleTest, TellsWhatTheAllocatorHoldsWhileTheProgramRuns) {
  const StartupModule module = Write();
  const std::string seen = RunPython(module,
                                     "import os, time, torch\n"
                                     "torch._C.allocated = 5 << 20\n"
                                     "name = os.environ['VRAMCAST_RUN'] + '/records/pid%d.now'\n"
                                     "while not os.path.exists(name % os.getpid()):\n"
                                     "    time.sleep(0.05)\n"
                                     "print(open(name % os.getpid()).read())");
  EXPECT_THAT(seen, HasSubstr("vramcast.now 1 "));
  EXPECT_THAT(seen, HasSubstr(" 0 5242880 5242880"));
}

TEST_F(StartupModuleTest, AProgramWithoutTorchNoticesNothing) {
  const StartupModule module = Write();
  EXPECT_EQ(RunPython(module, "print('done')"), "the user's own\ndone\n");
  EXPECT_FALSE(fs::exists(folder_ / "snapshots"));
  EXPECT_TRUE(ReadRecords(module.records()).processes.empty());
}

TEST_F(StartupModuleTest, OneInsideAnotherIsTheOneThatRecords) {
  const StartupModule outer = Write(), inner = Write();
  const std::string seen = RunPython(inner, "import torch; torch.die()", ":" + outer.folder());
  EXPECT_THAT(seen, HasSubstr("the user's own"));
  EXPECT_EQ(ReadRecords(inner.records()).processes.size(), 1u);
  EXPECT_TRUE(ReadRecords(outer.records()).processes.empty());
}

TEST_F(StartupModuleTest, ATorchThatLacksEverythingStillWorks) {
  std::ofstream(folder_ / "site" / "torch.py") << "version = 'odd'\n";
  const StartupModule module = Write();
  EXPECT_THAT(RunPython(module, "import torch; print(torch.version)"), HasSubstr("odd"));
}

TEST_F(StartupModuleTest, ItsFolderGoesWithIt) {
  std::string folder;
  {
    const StartupModule module = Write();
    folder = module.folder();
    EXPECT_TRUE(fs::exists(folder + "/sitecustomize.py"));
  }
  EXPECT_FALSE(fs::exists(folder));
}

}  // namespace
}  // namespace vramcast::supervise
