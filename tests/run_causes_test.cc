// What `vramcast run` does after a death depends on its cause, and on what may be changed.
#include <gmock/gmock.h>

#include <filesystem>

#include "fake_machine.h"
#include "run_fixture.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

// The message of PyTorch 2.x, with the numbers that decide the cause.
std::string Message(const std::string& asked, const std::string& free, const std::string& mine,
                    const std::string& allocated, const std::string& cached) {
  return "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate " + asked +
         ". GPU 0 has a total capacity of 23.56 GiB of which " + free +
         " is free. Including non-PyTorch memory, this process has " + mine +
         " memory in use. Of the allocated memory " + allocated + " is allocated by PyTorch, and " +
         cached + " is reserved by PyTorch but unallocated.";
}

class RunCausesTest : public RunTest {
 protected:
  // A program that is not nanochat's: prints what it got, runs `body`, may die with `message`.
  void WriteProgram(const std::string& body, const std::string& message = {}) const {
    folder_.Write("train.py",
                  "import os, sys\n"
                  "flags = dict(a.lstrip('-').split('=', 1) for a in sys.argv[1:] if '=' in a)\n"
                  "batch = int(flags.get('batch-size', 0))\n"
                  "print('started with', *sys.argv[1:], flush=True)\n"
                  "def die():\n"
                  "    sys.stderr.write('''" +
                      message +
                      "\\n''')\n"
                      "    sys.exit(1)\n" +
                      body);
  }
  const std::vector<std::string> plain_ = {"python3", "train.py", "--batch-size=32"};
};

const std::string kTooLarge = Message("4.00 GiB", "1.02 GiB", "22.53 GiB", "21.91 GiB", "0.18 GiB");

TEST_F(RunCausesTest, AProgramThatIsUnknownIsNotChangedWithoutLeave) {
  WriteProgram("if batch > 8: die()\n", kTooLarge);
  const Outcome outcome = Run({}, plain_);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("change how many examples a step learns from"));
  EXPECT_THAT(outcome.err, HasSubstr("--allow batch"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("--batch-size=16")));
}

TEST_F(RunCausesTest, WithLeaveTheBatchIsHalvedUntilItFits) {
  WriteProgram("if batch > 8: die()\n", Message("4.00 GiB", "1.02 GiB", "22.53 GiB",
                                                "%d.00 GiB' % (13 + batch // 4) + '", "0.18 GiB"));
  const auto report = Report({"--allow=batch"}, plain_);
  EXPECT_EQ(report["exit_code"], 0) << report.dump(2);
  EXPECT_THAT(report["command"].get<std::string>(), HasSubstr("--batch-size=8"));
}

TEST_F(RunCausesTest, AccumulationKeepsWhatAStepLearnsFromSoItNeedsNoLeave) {
  WriteProgram("if batch > 16: die()\n", kTooLarge);
  std::vector<std::string> command = plain_;
  command.push_back("--gradient-accumulation-steps=1");
  const auto report = Report({}, command);
  EXPECT_EQ(report["exit_code"], 0) << report.dump(2);
  EXPECT_EQ(report["command"], "python3 train.py --batch-size=16 --gradient-accumulation-steps=2");
}

TEST_F(RunCausesTest, TheSameDeathAfterACorrectionEndsIt) {
  WriteProgram("die()\n", kTooLarge);
  const Outcome outcome = Run({"--allow=batch", "--retries=9"}, plain_);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("again at the same place"));
  EXPECT_THAT(outcome.out, HasSubstr("--batch-size=16"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("--batch-size=8")));
}

TEST_F(RunCausesTest, FragmentsAreJoinedBeforeTheBatchIsTouched) {
  WriteProgram("if 'expandable' not in os.environ.get('PYTORCH_CUDA_ALLOC_CONF', ''): die()\n",
               Message("2.00 GiB", "0.02 GiB", "23.50 GiB", "14.00 GiB", "9.00 GiB"));
  const auto report = Report({}, plain_);
  EXPECT_EQ(report["exit_code"], 0) << report.dump(2);
  EXPECT_EQ(report["attempts"][0]["cause"], "fragmentation");
  EXPECT_EQ(report["command"],
            "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True python3 train.py --batch-size=32");
}

// One card of 24 GiB of which `used` MiB are taken by a process of somebody else.
std::string Machine(int used) {
  const std::string mib = std::to_string(used);
  return R"({"gpus": [{"name": "NVIDIA GeForce RTX 3090", "uuid": "GPU-1", "total_mib": 24576,
             "used_mib": )" +
         mib + R"(, "processes": [{"pid": 99999, "used_mib": )" + mib + "}]}]}";
}

TEST_F(RunCausesTest, OthersOnTheCardAreWaitedForAndNothingIsChanged) {
  const std::string others = Message("2.00 GiB", "0.52 GiB", "3.04 GiB", "2.50 GiB", "0.10 GiB");
  WriteProgram("if not os.path.exists('again'):\n    open('again', 'w')\n    die()\n", others);
  Options options;
  options.environment = FakeNvml(folder_, Machine(100));
  const auto report = Report({}, plain_, options);
  EXPECT_EQ(report["attempts"][0]["cause"], "other_process") << report.dump(2);
  EXPECT_EQ(report["exit_code"], 0);
  EXPECT_EQ(report["attempts"].back()["command"], "python3 train.py --batch-size=32");
}

TEST_F(RunCausesTest, OthersThatStayAreNamed) {
  WriteProgram("die()\n", Message("2.00 GiB", "0.52 GiB", "3.04 GiB", "2.50 GiB", "0.10 GiB"));
  Options options;
  options.environment = FakeNvml(folder_, Machine(20000));
  const Outcome outcome = Run({"--wait=0"}, plain_, options);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("process 99999")) << outcome.err;
}

TEST_F(RunCausesTest, HostMemoryIsNotMendedWithASmallerBatch) {
  WriteProgram(
      "sys.stderr.write('RuntimeError: DataLoader worker (pid 77) is killed by signal: "
      "Killed.\\n'); sys.exit(1)\n");
  const Outcome outcome = Run({"--allow=batch"}, plain_);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("the computer's own memory"));
}

TEST_F(RunCausesTest, OtherRanksThatWaitForADeadOneAreEnded) {
  WriteProgram(
      "import subprocess, time\n"
      "if batch <= 16: sys.exit(0)\n"
      "if 'rank' in flags: time.sleep(3); die()\n"
      "subprocess.Popen([sys.executable] + sys.argv + ['--rank=1'])\n"
      "time.sleep(1000)\n",
      kTooLarge);
  const auto report = Report({"--stall=2", "--grace=1", "--allow=batch"}, plain_);
  ASSERT_EQ(report["attempts"].size(), 2u) << report.dump(2);
  EXPECT_EQ(report["attempts"][0]["stalled"], true);
  EXPECT_EQ(report["exit_code"], 0);
}

TEST_F(RunCausesTest, AProgramThatSurvivesAnOutOfMemoryIsLeftAlone) {
  WriteProgram(
      "import time\nsys.stderr.write('CUDA out of memory. Tried to allocate 2.00 GiB\\n')\n"
      "time.sleep(4); print('went on')\n");
  const Outcome outcome = Run({"--stall=1"}, plain_);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("went on"));
}

TEST_F(RunCausesTest, OfSeveralRunsTheInnermostCorrects) {
  WriteProgram("if batch > 16: die()\n", kTooLarge);
  folder_.Write("all.sh", "'" VRAMCAST_BINARY
                          "' run --allow=batch --retries=0 -- python3 train.py --batch-size=32\n");
  const Outcome outcome = Run({"--allow=batch"}, {"bash", "all.sh"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("a vramcast run inside the command"));
}

// PyTorch's part in a program whose output goes elsewhere: the start-up module alone sees it die.
TEST_F(RunCausesTest, ADeathInAnotherLogIsSeenByTheStartUpModule) {
  folder_.Write("torch.py", R"py(
observers = []
class _C:
    @staticmethod
    def _cuda_memoryStats(device):
        size = {"all": {"current": 22 << 30, "peak": 22 << 30}}
        return {"allocated_bytes": size, "reserved_bytes": size}
    _cuda_attach_out_of_memory_observer = observers.append
class cuda:
    device_count = staticmethod(lambda: 1)
    _lazy_call = staticmethod(lambda function: function())
    class memory:
        _record_memory_history = staticmethod(lambda *a, **k: None)
        _dump_snapshot = staticmethod(lambda path: open(path, "w").write("x"))
)py");
  WriteProgram(
      "import torch\n"
      "if batch > 16:\n"
      "    torch.observers[0](0, 4 << 30, 24 << 30, 1 << 30)\n"
      "    die()\n",
      "RuntimeError: see elsewhere");
  const auto report =
      Report({"--allow=batch"}, {"bash", "-c", "python3 train.py --batch-size=32 > log 2>&1"});
  ASSERT_EQ(report["attempts"].size(), 2u) << report.dump(2);
  EXPECT_EQ(report["attempts"][0]["out_of_memory"], true);
  EXPECT_EQ(report["attempts"][0]["snapshots"].size(), 1u);
  EXPECT_EQ(report["exit_code"], 0);
}

}  // namespace
}  // namespace vramcast::tests
