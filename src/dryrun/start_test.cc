#include "dryrun/start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vramcast::dryrun {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

Start Read(std::vector<std::string> command) {
  auto start = ReadStart(command);
  EXPECT_TRUE(start) << (start ? "" : start.error().message);
  return start ? *start : Start{};
}

TEST(StartTest, Python) {
  const Start start = Read({"python3", "-u", "train.py", "--depth=4"});
  EXPECT_EQ(start.python, "python3");
  EXPECT_FALSE(start.distributed);
  EXPECT_THAT(start.arguments, ElementsAre("-u", "train.py", "--depth=4"));
}

TEST(StartTest, Torchrun) {
  const Start start = Read({"OMP_NUM_THREADS=1", "torchrun", "--standalone", "--nproc_per_node=8",
                            "-m", "scripts.base_train", "--", "--depth=20"});
  EXPECT_TRUE(start.distributed);
  EXPECT_EQ(start.processes, 8);
  EXPECT_EQ(start.beside, "torchrun");
  EXPECT_THAT(start.environment, ElementsAre(Pair("OMP_NUM_THREADS", "1")));
  EXPECT_THAT(start.arguments, ElementsAre("-m", "scripts.base_train", "--depth=20"));
}

TEST(StartTest, TorchrunWithValuesInTheNextWord) {
  const Start start = Read(
      {"torchrun", "--nnodes", "2", "--nproc-per-node", "4", "--master-port", "1234", "train.py"});
  EXPECT_EQ(start.processes, 4);
  EXPECT_EQ(start.nodes, 2);
  EXPECT_THAT(start.arguments, ElementsAre("train.py"));
}

TEST(StartTest, AsManyProcessesAsGpusIsNotKnown) {
  EXPECT_FALSE(Read({"torchrun", "--nproc_per_node=gpu", "train.py"}).processes.has_value());
}

TEST(StartTest, LaunchersAsModules) {
  const Start start = Read(
      {"env", "A=1", "python", "-m", "torch.distributed.run", "--nproc_per_node", "2", "t.py"});
  EXPECT_TRUE(start.distributed);
  EXPECT_EQ(start.processes, 2);
  EXPECT_THAT(start.arguments, ElementsAre("t.py"));
}

TEST(StartTest, Accelerate) {
  const Start start = Read({"accelerate", "launch", "--multi_gpu", "--num_processes", "4",
                            "--mixed_precision=bf16", "train.py", "--lr", "1"});
  EXPECT_EQ(start.processes, 4);
  EXPECT_THAT(start.environment, ElementsAre(Pair("ACCELERATE_MIXED_PRECISION", "bf16")));
  EXPECT_THAT(start.arguments, ElementsAre("train.py", "--lr", "1"));
}

TEST(StartTest, ALauncherTakesTheSecondSeparator) {
  const Start start = Read({"torchrun", "--standalone", "--nproc_per_node=8", "-m",
                            "scripts.base_train", "--", "--depth=20", "--", "rest"});
  EXPECT_THAT(start.arguments, ElementsAre("-m", "scripts.base_train", "--depth=20", "--", "rest"));
}

TEST(StartTest, Wrappers) {
  const Start start = Read({"nohup", "uv", "run", "torchrun", "--nproc_per_node=8", "t.py"});
  EXPECT_TRUE(start.project_environment);
  EXPECT_EQ(start.processes, 8);
}

TEST(StartTest, NoPythonIsWrongUsage) {
  const auto other = ReadStart(std::vector<std::string>{"bash", "run.sh"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(other.error().message, HasSubstr("'bash'"));
  EXPECT_FALSE(ReadStart({}));
  EXPECT_FALSE(ReadStart(std::vector<std::string>{"torchrun", "--nproc_per_node=8"}));
  EXPECT_FALSE(ReadStart(std::vector<std::string>{"torchrun", "--nproc_per_node"}));
}

}  // namespace
}  // namespace vramcast::dryrun
