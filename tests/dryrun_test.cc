// `vramcast dryrun` where it cannot run: each ends with a sentence and an exit code, and leaves
// nothing behind. What needs a PyTorch is in tests/with_torch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "binary.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

// A folder that has a package torch, of which only what is asked is there.
class DryrunTest : public testing::Test {
 protected:
  void Install(const std::string& version) {
    folder_.Write("site/torch/__init__.py", "raise ImportError('not a real one')\n");
    folder_.Write("site/torch/version.py", version);
  }

  Outcome DryRun(const std::vector<std::string>& command, const std::string& path = "") {
    std::map<std::string, std::string> environment = {
        {"PYTHONPATH", folder_.path() + "/site"},
        {"VRAMCAST_CACHE_DIR", folder_.path() + "/cache"},
        {"TMPDIR", folder_.path() + "/tmp"}};
    fs::create_directory(folder_.path() + "/tmp");
    if (!path.empty()) environment["PATH"] = path;
    std::vector<std::string> arguments = {"dryrun", "--gpu", "h100", "--"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    return RunVramcast(arguments, {.environment = environment, .directory = folder_.path()});
  }

  void ExpectNothingLeft() const {
    EXPECT_TRUE(fs::is_empty(folder_.path() + "/tmp"));
    const fs::path made = folder_.path() + "/cache/dryrun";
    EXPECT_TRUE(!fs::exists(made) || fs::is_empty(made));
  }

  ScratchFolder folder_;
};

TEST_F(DryrunTest, WithoutPython) {
  const Outcome outcome = DryRun({"python", "train.py"}, "/nowhere");
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("there is no python"));
  ExpectNothingLeft();
}

TEST_F(DryrunTest, WithAPythonThatCannotRun) {
  const std::string python = folder_.Write("bin/python", "#!/bin/sh\nexit 3\n");
  fs::permissions(python, fs::perms::owner_all);
  const Outcome outcome = DryRun({python, "train.py"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("cannot be run (exit code 3)"));
  ExpectNothingLeft();
}

TEST_F(DryrunTest, WithAPyTorchWithoutCuda) {
  Install("__version__ = '2.9.1+cpu'\ncuda = None\nhip = None\n");
  const Outcome outcome = DryRun({"python3", "train.py"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("PyTorch 2.9.1+cpu"));
  EXPECT_THAT(outcome.err, HasSubstr("built without CUDA"));
  ExpectNothingLeft();
}

TEST_F(DryrunTest, WithHalfAPyTorch) {
  Install("__version__ = '2.9.1'\ncuda = '12.8'\nhip = None\n");
  const Outcome outcome = DryRun({"python3", "train.py"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("is it installed whole?"));
  ExpectNothingLeft();
}

TEST_F(DryrunTest, WhereTheCacheCannotBeWritten) {
  Install("__version__ = '2.9.1'\ncuda = '12.8'\nhip = None\n");
  folder_.Write("cache", "a file where the folder should be");
  const Outcome outcome = DryRun({"python3", "train.py"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("cannot make"));
  EXPECT_TRUE(fs::is_empty(folder_.path() + "/tmp"));
}

TEST_F(DryrunTest, WithoutAProgram) {
  EXPECT_EQ(RunVramcast({"dryrun"}).code, 2);
  EXPECT_EQ(RunVramcast({"dryrun", "--", "bash", "train.sh"}).code, 2);
  EXPECT_EQ(RunVramcast({"dryrun", "--bisect-batch", "--", "python", "train.py"}).code, 2);
}

}  // namespace
}  // namespace vramcast::tests
