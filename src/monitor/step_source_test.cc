#include "monitor/step_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "monitor/wandb_for_test.h"

namespace vramcast::monitor {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;

class StepSourceTest : public testing::Test {
 protected:
  StepSourceTest() {
    std::string pattern = (fs::temp_directory_path() / "vramcast-steps-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/train.log";
  }
  ~StepSourceTest() override { fs::remove_all(folder_); }

  void Write(const std::string& text) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << text;
  }
  void Append(const std::string& text) const {
    std::ofstream(path_, std::ios::binary | std::ios::app) << text;
  }
  static int64_t StepAfterPoll(StepSource* source) {
    EXPECT_TRUE(source->Poll());
    return source->last() ? source->last()->step : -1;
  }

  std::string folder_, path_;
};

std::string Step(int step) {
  return "step " + std::to_string(100000 + step).substr(1) +
         "/21400 (0.05%) | loss: 10.4 | dt: 480ms | tok/sec: 1,092,000\n";
}

TEST_F(StepSourceTest, FollowsALogThatGrows) {
  Write("Vocab size: 65,536\n");
  StepSource source(path_);
  EXPECT_EQ(StepAfterPoll(&source), -1);
  EXPECT_THAT(source.Notes(), Contains(HasSubstr("no step of training")));
  Append(Step(7) + "step 0000");
  EXPECT_EQ(StepAfterPoll(&source), 7);
  EXPECT_EQ(source.last()->total, 21400);
  Append("8/21400 (0.05%) | loss: 10.2\n");
  EXPECT_EQ(StepAfterPoll(&source), 8);
}

TEST_F(StepSourceTest, AFileThatIsNotThereIsAnError) {
  StepSource source(folder_ + "/none");
  EXPECT_FALSE(source.Poll());
  StepSource folder(folder_);
  EXPECT_FALSE(folder.Poll());
}

TEST_F(StepSourceTest, TruncatedAndReplacedLogsBeginAnew) {
  Write(Step(500) + Step(501));
  StepSource source(path_);
  EXPECT_EQ(StepAfterPoll(&source), 501);
  Write(Step(3));
  EXPECT_EQ(StepAfterPoll(&source), 3);
  // Rotation: what was written before the old file was moved away still counts.
  Append(Step(4));
  fs::rename(path_, path_ + ".1");
  EXPECT_EQ(StepAfterPoll(&source), 4);
  Write(Step(5));
  EXPECT_EQ(StepAfterPoll(&source), 5);
  fs::remove(path_);
  EXPECT_EQ(StepAfterPoll(&source), 5);
}

TEST_F(StepSourceTest, ProgressBarsAndNulBytes) {
  using namespace std::string_literals;
  Write(
      "Training:  1%|          | 12/1000 [00:10<10:00]\rTraining:  2%|     | 24/1000 [00:20<9:00]\r"s +
      std::string(5000, '\0') + "\n"s + Step(30) + std::string(100, '\0'));
  StepSource source(path_);
  EXPECT_EQ(StepAfterPoll(&source), 30);
}

TEST_F(StepSourceTest, EvaluationAndLoadingAreNoSteps) {
  Write(Step(30) + "Evaluating: 40%|####      | 400/1000 [00:10<00:15]\n" +
        "Loading checkpoint shards: 100%|##########| 9/9 [00:10<00:15]\n");
  StepSource source(path_);
  EXPECT_EQ(StepAfterPoll(&source), 30);
}

TEST_F(StepSourceTest, OfALongLogOnlyBothEndsAreRead) {
  {
    std::ofstream file(path_, std::ios::binary);
    file << "python -m scripts.base_train --depth=12\n" << Step(1);
    const std::string filler(1 << 20, 'x');
    for (int i = 0; i < 40; ++i) file << filler << "\n";
    file << Step(9000);
  }
  StepSource source(path_);
  EXPECT_EQ(StepAfterPoll(&source), 9000);
  EXPECT_THAT(source.Notes(), Contains(HasSubstr("were passed over")));
  ASSERT_EQ(source.facts().commands.size(), 1u);
  EXPECT_THAT(source.facts().commands[0].text, HasSubstr("--depth=12"));
}

TEST_F(StepSourceTest, TenGibibytesWithHoles) {
  Write(Step(1));
  std::error_code error;
  fs::resize_file(path_, uintmax_t{10} << 30, error);
  if (error) GTEST_SKIP() << "no sparse files here";
  Append("\n" + Step(77));
  StepSource source(path_);
  EXPECT_EQ(StepAfterPoll(&source), 77);
}

TEST_F(StepSourceTest, FactsComeWithTheLog) {
  Write("hello\n");
  StepSource source(path_);
  ASSERT_TRUE(source.Poll());
  EXPECT_TRUE(source.facts().commands.empty());
  Append("+ torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- --depth=20\n");
  ASSERT_TRUE(source.Poll());
  EXPECT_EQ(source.facts().commands.size(), 1u);
}

TEST_F(StepSourceTest, WandbSaysWhenAStepWas) {
  WandbWriter writer;
  writer.Run({{"depth", "20"}});
  for (int i = 0; i < 20; ++i) {
    writer.Row(i, {{"step", std::to_string(10 * i)}, {"_timestamp", std::to_string(1000 + i)}});
  }
  Write(writer.bytes());
  StepSource source(path_);
  EXPECT_EQ(StepAfterPoll(&source), 190);
  EXPECT_EQ(source.kind(), StepSource::Kind::kWandb);
  EXPECT_EQ(source.At(1005.5)->step, 50);
  EXPECT_FALSE(source.At(999));
  EXPECT_EQ(source.config().at("depth"), "20");
}

TEST_F(StepSourceTest, RowsOfHistoryAsJsonLines) {
  Write(
      "{\"_step\": 4, \"_timestamp\": 100.5, \"loss\": 3}\n"
      "{\"_step\": 5, \"_timestamp\": 101.5, \"loss\": 3}\n{\"broken\n");
  StepSource source(path_);
  EXPECT_EQ(StepAfterPoll(&source), 5);
  EXPECT_EQ(source.kind(), StepSource::Kind::kJsonLines);
  EXPECT_EQ(source.At(101)->step, 4);
}

}  // namespace
}  // namespace vramcast::monitor
