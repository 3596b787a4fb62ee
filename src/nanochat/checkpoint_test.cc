#include "nanochat/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace vramcast::nanochat {
namespace {

namespace fs = std::filesystem;

class CheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = fs::temp_directory_path() /
            ("vramcast-checkpoint-" + std::to_string(getpid()) + "-" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(base_);
  }
  void TearDown() override { fs::remove_all(base_); }

  void Write(const fs::path& path, const std::string& text) {
    fs::create_directories((base_ / path).parent_path());
    std::ofstream(base_ / path, std::ios::binary) << text;
  }
  void WriteArchive(const fs::path& path) {
    Write(path, "PK\3\4 some tensors PK\5\6" + std::string(18, '\0'));
  }
  void WriteStep(const std::string& folder, const std::string& step, int shards) {
    WriteArchive(folder + "/model_" + step + ".pt");
    Write(folder + "/meta_" + step + ".json",
          R"({"step": 7, "model_config": {"n_layer": 20, "vocab_size": 65536},
              "user_config": {"run": "try", "depth": 20, "fp8": false},
              "device_batch_size": 32, "max_seq_len": 2048})");
    for (int rank = 0; rank < shards; ++rank) {
      WriteArchive(folder + "/optim_" + step + "_rank" + std::to_string(rank) + ".pt");
    }
  }

  fs::path base_;
};

TEST_F(CheckpointTest, NothingIsThere) { EXPECT_TRUE(FindCheckpoints(base_).empty()); }

TEST_F(CheckpointTest, TheNewestCompleteStepIsFound) {
  WriteStep("base_checkpoints/d20", "000100", 4);
  WriteStep("base_checkpoints/d20", "000200", 4);
  WriteStep("base_checkpoints/d20", "000300", 2);  // died while saving
  const auto all = FindCheckpoints(base_);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].step, 300);
  EXPECT_FALSE(all[0].complete);
  const auto newest = NewestComplete(all, Stage::kBase, "d20");
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->step, 200);
  EXPECT_EQ(newest->optimizer_shards, 4);
  EXPECT_EQ(newest->depth, 20);
  EXPECT_EQ(newest->device_batch_size, 32);
  EXPECT_EQ(newest->user_config.at("run"), "try");
  EXPECT_EQ(newest->user_config.at("fp8"), "false");
  EXPECT_EQ(NewestComplete(all, Stage::kBase, "d12"), std::nullopt);
}

TEST_F(CheckpointTest, ATruncatedModelIsIncomplete) {
  WriteStep("base_checkpoints/d4", "000010", 1);
  Write("base_checkpoints/d4/model_000010.pt", "PK\3\4 and then the power went");
  int skipped = 0;
  const auto all = FindCheckpoints(base_, &skipped);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_FALSE(all[0].complete);
  EXPECT_EQ(skipped, 1);
}

TEST_F(CheckpointTest, BrokenMetaFilesAreCounted) {
  WriteStep("base_checkpoints/d4", "000010", 1);
  Write("base_checkpoints/d4/meta_000010.json", "{\"step\": ");
  int skipped = 0;
  EXPECT_FALSE(FindCheckpoints(base_, &skipped)[0].complete);
  EXPECT_EQ(skipped, 1);
}

TEST_F(CheckpointTest, OtherFilesAreNoCheckpoints) {
  Write("base_checkpoints/d4/model_best.pt", "x");
  Write("base_checkpoints/d4/notes.txt", "x");
  Write("base_checkpoints/readme", "x");
  EXPECT_TRUE(FindCheckpoints(base_).empty());
}

TEST_F(CheckpointTest, FineTuningNeedsNoOptimizerState) {
  WriteStep("chatsft_checkpoints/d20", "000650", 0);
  const auto all = FindCheckpoints(base_);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].stage, Stage::kSft);
  EXPECT_TRUE(all[0].complete);
}

TEST_F(CheckpointTest, ResumingDependsOnRevisionAndWorldSize) {
  WriteStep("base_checkpoints/d20", "000100", 8);
  const Checkpoint checkpoint = FindCheckpoints(base_)[0];
  const Revision head = HeadRevision();
  EXPECT_EQ(WhyNotResume(checkpoint, head, 8), std::nullopt);
  EXPECT_TRUE(WhyNotResume(checkpoint, head, 4));
  EXPECT_TRUE(WhyNotResume(checkpoint, *FindRevision("oct2025"), 8));
}

TEST_F(CheckpointTest, October2025SavedOneShardOnly) {
  WriteStep("base_checkpoints/d20", "021400", 0);
  WriteArchive("base_checkpoints/d20/optim_021400.pt");
  const Checkpoint checkpoint = FindCheckpoints(base_)[0];
  EXPECT_TRUE(checkpoint.complete);
  EXPECT_TRUE(checkpoint.master_optimizer);
  EXPECT_TRUE(WhyNotResume(checkpoint, HeadRevision(), 1));
}

}  // namespace
}  // namespace vramcast::nanochat
