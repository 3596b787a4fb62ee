#include "monitor/wandb_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "monitor/wandb_for_test.h"

namespace vramcast::monitor {
namespace {

std::vector<WandbRow> Rows(WandbFile* file, std::string_view bytes, size_t piece = 1 << 20) {
  std::vector<WandbRow> rows;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    file->Feed(bytes.substr(at, piece), at, [&](const WandbRow& row) { rows.push_back(row); });
  }
  return rows;
}

// As nanochat logs: its own step, every hundredth, beside the number of the row.
std::string Nanochat(int rows) {
  WandbWriter writer;
  writer.Run({{"depth", "20"}, {"device_batch_size", "32"}, {"run", "\"d20\""}});
  for (int i = 0; i < rows; ++i) {
    writer.Row(i, {{"step", std::to_string(100 * i)},
                   {"train/loss", "2.75"},
                   {"_timestamp", std::to_string(1760000000 + 50 * i) + ".5"}});
    writer.Other(static_cast<size_t>(i % 7) * 999);
  }
  return writer.bytes();
}

TEST(WandbFile, RowsTellStepsAndTimes) {
  WandbFile file;
  const auto rows = Rows(&file, Nanochat(500));
  ASSERT_EQ(rows.size(), 500u);
  EXPECT_EQ(rows[3].step, 300);
  EXPECT_EQ(rows[3].time, 1760000150.5);
  EXPECT_EQ(file.damaged(), 0);
  EXPECT_EQ(file.config().at("depth"), "20");
  EXPECT_EQ(file.config().at("device_batch_size"), "32");
}

TEST(WandbFile, WithoutAStepOfItsOwnTheNumberOfTheRowCounts) {
  WandbWriter writer;
  writer.Row(0, {{"loss", "1"}});
  writer.Row(41, {{"loss", "1"}});
  writer.Row(42, {{"train/global_step", "7"}});
  WandbFile file;
  const auto rows = Rows(&file, writer.bytes());
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].step, 0);
  EXPECT_EQ(rows[1].step, 41);
  EXPECT_EQ(rows[2].step, 7);
}

TEST(WandbFile, GrowsByAnyPieces) {
  const std::string bytes = Nanochat(100);
  for (const size_t piece : {1, 6, 7, 100, 32768, 40000}) {
    WandbFile file;
    EXPECT_EQ(Rows(&file, bytes, piece).size(), 100u) << piece;
    EXPECT_EQ(file.damaged(), 0) << piece;
  }
}

TEST(WandbFile, DamageCostsOnlyWhatItHits) {
  std::string bytes = Nanochat(500);
  for (size_t i = 0; i < 20000; ++i) bytes[70000 + i] ^= 0x55;
  WandbFile file;
  const auto rows = Rows(&file, bytes);
  EXPECT_GE(rows.size(), 400u);
  EXPECT_LT(rows.size(), 500u);
  EXPECT_GE(file.damaged(), 1);
}

TEST(WandbFile, GoesOnAfterAGap) {
  const std::string bytes = Nanochat(500);
  WandbFile file;
  std::vector<WandbRow> rows;
  const auto keep = [&](const WandbRow& row) { rows.push_back(row); };
  file.Feed(std::string_view(bytes).substr(0, 40000), 0, keep);
  file.Feed(std::string_view(bytes).substr(100001), 100001, keep);
  EXPECT_EQ(rows.back().step, 49900);
  EXPECT_EQ(file.damaged(), 0);
}

RC_GTEST_PROP(WandbFile, ReadsAnyBytes, (const std::string& noise)) {
  WandbFile file;
  file.Feed(":W&B\xE1\xBE", 0, [](const WandbRow&) {});
  file.Feed(noise, 6, [](const WandbRow&) {});
}

}  // namespace
}  // namespace vramcast::monitor
