// `vramcast run` around a made-up trainer: it dies as PyTorch does when its batch is too large.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "binary.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;

// Dies above 4 sequences on a 24 GB card, as nanochat would; prints what it was started with.
constexpr const char* kTrainer = R"py(import sys
arguments = dict(a.lstrip('-').split('=', 1) for a in sys.argv[1:] if '=' in a)
batch = int(arguments.get('device-batch-size', 32))
print('training with', ' '.join(sys.argv[1:]), flush=True)
if batch > 4:
    sys.stderr.write('''Traceback (most recent call last):
  File "scripts/base_train.py", line 400, in <module>
    loss.backward()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 4.00 GiB. GPU 0 has a total capacity of 23.56 GiB of which 1.02 GiB is free. Including non-PyTorch memory, this process has 22.53 GiB memory in use. Of the allocated memory 21.91 GiB is allocated by PyTorch, and 187.20 MiB is reserved by PyTorch but unallocated.
''')
    sys.exit(1)
print('done')
)py";

class RunTest : public testing::Test {
 protected:
  RunTest() { folder_.Write("scripts/base_train.py", kTrainer); }

  Outcome Run(std::vector<std::string> before, const std::vector<std::string>& command) {
    before.insert(before.begin(), "run");
    before.push_back("--");
    before.insert(before.end(), command.begin(), command.end());
    return RunVramcast(before, {.directory = folder_.path()});
  }

  ScratchFolder folder_;
  const std::vector<std::string> train_ = {"python3", "-m", "scripts.base_train", "--depth=20",
                                           "--device-batch-size=32"};
};

TEST_F(RunTest, ARunThatEndsWellIsLeftAlone) {
  const Outcome outcome = Run({}, {"sh", "-c", "echo out; echo err >&2"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
}

TEST_F(RunTest, TheExitCodeOfAnotherFailureComesBack) {
  EXPECT_EQ(Run({}, {"sh", "-c", "exit 9"}).code, 9);
  EXPECT_EQ(Run({}, {"sh", "-c", "kill -SEGV $$"}).code, 139);
}

TEST_F(RunTest, CorrectsTheBatchSizeAndFinishes) {
  const Outcome outcome = Run({"--retries=5"}, train_);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("training with --depth=20 --device-batch-size=32"));
  EXPECT_THAT(outcome.out, HasSubstr("done"));
  EXPECT_THAT(outcome.err, HasSubstr("device-batch-size 32 -> "));
  EXPECT_THAT(outcome.err, HasSubstr("Lost to attempts"));
}

TEST_F(RunTest, NoRetriesMeansTheFirstDeathIsFinal) {
  const Outcome outcome = Run({"--retries=0"}, train_);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("done")));
}

TEST_F(RunTest, TheReportIsAloneOnStandardOutput) {
  const Outcome outcome = Run({"--retries=5", "--json"}, train_);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const nlohmann::json report = outcome.Json();
  ASSERT_TRUE(report.is_object()) << outcome.out;
  EXPECT_EQ(report["schema"], "vramcast.run");
  ASSERT_GE(report["attempts"].size(), 2u);
  EXPECT_EQ(report["attempts"][0]["out_of_memory"], true);
  EXPECT_EQ(report["attempts"].back()["exit_code"], 0);
  EXPECT_THAT(outcome.err, HasSubstr("training with"));
}

TEST_F(RunTest, RefusesWhatCannotFit) {
  const Outcome outcome = Run({"--gpu=rtx3090"}, train_);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("will not fit"));
  EXPECT_THAT(outcome.err, HasSubstr("--force"));
  EXPECT_EQ(outcome.out, "");
}

TEST_F(RunTest, ACommandIsNeeded) { EXPECT_EQ(RunVramcast({"run"}).code, 2); }

}  // namespace
}  // namespace vramcast::tests
