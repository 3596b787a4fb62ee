#include "supervise/records.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "supervise/host_kills.h"

namespace vramcast::supervise {
namespace {

namespace fs = std::filesystem;

class Scratch : public testing::Test {
 protected:
  Scratch() : path_(testing::TempDir() + "vramcast-records-" + std::to_string(getpid())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Scratch() override { fs::remove_all(path_); }
  void Write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name, std::ios::binary) << text;
  }
  const std::string path_;
};

TEST(ParseRecord, WhatIsMissingOrOddIsLeftOut) {
  const auto record = ParseRecord(
      R"({"schema": "vramcast.startup", "rank": 3, "peak_allocated": -5, "stacks": [7, {"frames":
         [["a.py", 1, "f", ""], ["short"], "no"], "allocated": 100}], "deaths": [null, {"free": 1}]})");
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->rank, 3);
  EXPECT_EQ(record->peak_allocated, Bytes(0));
  ASSERT_EQ(record->places.size(), 1u);
  EXPECT_EQ(record->places[0].frames.size(), 1u);
  ASSERT_EQ(record->deaths.size(), 1u);
  EXPECT_EQ(record->deaths[0].free, Bytes(1));
  EXPECT_FALSE(record->deaths[0].requested.has_value());
}

TEST(MeasuredPhases, ARiseBetweenTwoPhasesCountsForTheLaterOnceTheEarlierIsSettled) {
  const std::string places = R"json({"schema": "vramcast.startup", "stacks": [
      {"frames": [["train.py", 9, "<module>", "loss.backward()"]], "allocated": 10},
      {"frames": [["train.py", 5, "evaluate_bpb", ""]], "allocated": 20}], "rises": )json";
  const auto measured = [&](const std::string& rises) {
    std::map<Phase, int64_t> by_phase;
    const auto record = ParseRecord(places + rises + "}");
    EXPECT_TRUE(record.has_value());
    for (const auto& phase : MeasuredPhases({.processes = {*record}, .skipped = 0})) {
      by_phase[phase.phase] = phase.allocated.count();
    }
    return by_phase;
  };
  using Expected = std::map<Phase, int64_t>;
  EXPECT_EQ(measured("[[0, 1, 90, 100]]"),
            (Expected{{Phase::kTrainStep, 10}, {Phase::kEvaluation, 90}}));
  EXPECT_EQ(measured("[[0, 1, 90, 0]]"),
            (Expected{{Phase::kTrainStep, 10}, {Phase::kEvaluation, 20}}));
  EXPECT_EQ(measured("[[0, 0, 90, 0], [0, 7, 99, 50], [null, 0, 50, 0], \"odd\"]"),
            (Expected{{Phase::kTrainStep, 90}, {Phase::kEvaluation, 20}}));
}

TEST(ParseRecord, AnythingElseIsNoRecord) {
  for (const char* text : {"", "{", "[]", "{\"schema\": 7}", "{\"schema\": \"other\"}", "\xff"}) {
    EXPECT_FALSE(ParseRecord(text).has_value()) << text;
  }
}

using ReadRecordsTest = Scratch;

TEST_F(ReadRecordsTest, SkipsAndCountsWhatMakesNoSense) {
  Write("rank1-pid2.json", R"({"schema": "vramcast.startup", "rank": 1})");
  Write("rank0-pid1.json", R"({"schema": "vramcast.startup", "rank": 0})");
  Write("rank2-pid3.json", "{cut");
  Write("rank3-pid4.json.part", "{");
  const Records records = ReadRecords(path_);
  ASSERT_EQ(records.processes.size(), 2u);
  EXPECT_EQ(records.processes[0].rank, 0);
  EXPECT_EQ(records.skipped, 1);
  EXPECT_TRUE(ReadRecords(path_ + "/none").processes.empty());
}

using HostKillsTest = Scratch;

TEST_F(HostKillsTest, AddsTheMachineAndTheGroup) {
  EXPECT_FALSE(HostKills(path_).has_value());
  Write("proc/vmstat", "pgfault 5\noom_kill 3\n");
  EXPECT_EQ(HostKills(path_), 3);
  Write("proc/self/cgroup", "1:name=systemd:/x\n0::/job\n");
  Write("sys/fs/cgroup/job/memory.events", "low 0\noom 9\noom_kill 2\n");
  EXPECT_EQ(HostKills(path_), 5);
}

}  // namespace
}  // namespace vramcast::supervise
