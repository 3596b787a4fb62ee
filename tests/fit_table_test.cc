// `fit --table`: many forecasts at once, as text, JSON and CSV.
#include <gtest/gtest.h>

#include <sstream>

#include "binary.h"

namespace vramcast::tests {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(FitTable, EachPointSaysWhatTheSingleForecastSays) {
  const Outcome sweep = RunVramcast({"fit", "--table", "--depths", "8..12:4", "--batches", "1,4",
                                     "--gpus", "RTX 3090,H100 SXM", "--json"});
  ASSERT_EQ(sweep.code, 0) << sweep.err;
  const nlohmann::json points = sweep.Json()["points"];
  ASSERT_EQ(points.size(), 8u);
  for (const nlohmann::json& point : points) {
    const nlohmann::json single =
        RunVramcast({"forecast", "--depth", std::to_string(point["depth"].get<int>()),
                     "--device-batch-size", std::to_string(point["device_batch_size"].get<int>()),
                     "--gpu", point["gpu"].get<std::string>(), "--json"})
            .Json();
    EXPECT_EQ(point["peak"], single["peak"]);
    EXPECT_EQ(point["interval"], single["interval"]);
    EXPECT_EQ(point["device_interval"], single["device_interval"]);
    EXPECT_EQ(point["fits"], single["fits"]);
  }
}

TEST(FitTable, CsvHasAHeaderAndALineForEachPoint) {
  const Outcome sweep = RunVramcast(
      {"fit", "--table", "--depths", "4..6", "--batches", "1..2", "--gpus", "T4", "--csv"});
  ASSERT_EQ(sweep.code, 0) << sweep.err;
  const auto lines = Lines(sweep.out);
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_TRUE(lines[0].starts_with("depth,device_batch_size,gpu,"));
  EXPECT_TRUE(lines[1].starts_with("4,1,\"Tesla T4\","));
}

TEST(FitTable, WithoutBatchesItFindsTheLargest) {
  const Outcome table =
      RunVramcast({"fit", "--table", "--depths", "8,12", "--gpus", "T4,RTX 3090", "--json"});
  ASSERT_EQ(table.code, 0) << table.err;
  ASSERT_EQ(table.Json()["table"].size(), 4u);
  EXPECT_GE(table.Json()["table"][0]["device_batch_size"].get<int>(), 1);
}

TEST(FitTable, WrongListsAreWrongUsage) {
  for (const char* depths : {"0", "12..4", "four", "4..", "1,,2", "1..999999999"}) {
    EXPECT_EQ(RunVramcast({"fit", "--table", "--depths", depths, "--batches", "1"}).code, 2)
        << depths;
  }
  EXPECT_EQ(RunVramcast({"fit", "--table", "--batches", "1", "--gpus", "RTX 30900"}).code, 2);
  EXPECT_EQ(RunVramcast({"fit", "--table", "--csv"}).code, 2);
  EXPECT_EQ(RunVramcast({"fit", "--depths", "4..6"}).code, 2);
}

}  // namespace
}  // namespace vramcast::tests
