#include "monitor/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "monitor/json.h"

namespace vramcast::monitor {
namespace {

using namespace literals;  // NOLINT: sizes

TEST(Series, WhatIsWrittenIsReadBack) {
  Sample sample{.time = 1760000000.5, .step = 12};
  sample.gpus.push_back({.id = "GPU-1",
                         .name = "NVIDIA A40",
                         .index = 3,
                         .used = 5_GiB,
                         .capacity = 44_GiB,
                         .utilisation = 97,
                         .temperature = 61,
                         .processes = {{.pid = 17, .name = "python3", .used = 4_GiB},
                                       {.pid = 18, .name = {}, .used = {}, .graphics = true}}});
  std::istringstream lines(ToJson(sample).dump() + "\n");
  SeriesReader reader(lines);
  const auto read = reader.Next();
  ASSERT_TRUE(read);
  EXPECT_EQ(ToJson(*read), ToJson(sample));
  EXPECT_FALSE(reader.Next().has_value());
  EXPECT_EQ(reader.skipped(), 0);
}

TEST(Series, TheLeastThatIsASampleIsUsedBytes) {
  std::istringstream lines("{\"gpus\":[{\"used_bytes\":1}]}\n\n{\"gpus\":[{\"used_bytes\":2}]}");
  SeriesReader reader(lines);
  EXPECT_EQ(reader.Next()->time, 0);
  const auto second = reader.Next();
  EXPECT_EQ(second->time, 1);
  EXPECT_EQ(second->gpus[0].used, 2_B);
  EXPECT_EQ(second->gpus[0].id, "0");
}

TEST(Series, WhatIsNoSampleIsCountedAndPassedOver) {
  std::istringstream lines(
      "{\"gpus\":[{\"used_bytes\":-1}]}\nhello\n{\"gpus\":3}\n[1]\n{\"type\":\"summary\"}\n"
      "{\"gpus\":[{\"used_bytes\":1e300}]}\n{\"gpus\":[]}\n{\"gpus\":[{\"used_bytes\":7}]}\n");
  SeriesReader reader(lines);
  EXPECT_TRUE(reader.Next()->gpus.empty());
  EXPECT_EQ(reader.Next()->gpus[0].used, 7_B);
  EXPECT_EQ(reader.skipped(), 5);
  EXPECT_EQ(reader.lines(), 8);
}

RC_GTEST_PROP(Series, AnyLineIsSurvived, (const std::string& line)) {
  (void)ParseSample(line);
  (void)ParseSample("{\"gpus\":[" + line + "]}");
}

TEST(Watcher, NamesTheProcessThatGrows) {
  Watcher watcher;
  for (int i = 0; i < 2000; ++i) {
    Sample sample{.time = 1.0 * i, .step = i / 2};
    sample.gpus.push_back(
        {.id = "0",
         .name = "A40",
         .used = 6_GiB + i * 2_MiB,
         .capacity = 14_GiB,
         .processes = {{.pid = 1, .used = 5_GiB}, {.pid = 2, .used = 1_GiB + i * 2_MiB}}});
    watcher.Add(sample);
  }
  const Report report = watcher.Now();
  ASSERT_EQ(report.gpus.size(), 1u);
  EXPECT_TRUE(report.leaking());
  ASSERT_TRUE(report.gpus[0].grower);
  EXPECT_EQ(report.gpus[0].processes[*report.gpus[0].grower].sample.pid, 2);
  EXPECT_EQ(report.gpus[0].processes[0].sample.pid, 1);
  EXPECT_EQ(report.gpus[0].processes[0].growth.kind, GrowthKind::kSteady);
  const nlohmann::json line = ToJson(report, "sample");
  EXPECT_NEAR(line["gpus"][0]["growth"]["bytes_per_step"].get<double>(), 4 << 20, 1 << 19);
  EXPECT_EQ(line["gpus"][0]["growing_pid"], 2);
}

TEST(Watcher, ForgetsProcessesThatAreGone) {
  Watcher watcher;
  for (int i = 0; i < 5000; ++i) {
    Sample sample{.time = 1.0 * i};
    sample.gpus.push_back({.id = "0", .used = 1_GiB, .processes = {{.pid = i, .used = 1_GiB}}});
    watcher.Add(sample);
  }
  // A number that comes back belongs to another process: it begins anew.
  EXPECT_EQ(watcher.Now().gpus[0].processes[0].growth.samples, 1);
}

}  // namespace
}  // namespace vramcast::monitor
