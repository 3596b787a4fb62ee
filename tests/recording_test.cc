// Recordings, as the verbs hand them to each other: a forecast written as a trace file or a
// snapshot, played on a smaller card, and diagnosed where that ran out.
#include <gmock/gmock.h>

#include <filesystem>

#include "binary.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;

class RecordingTest : public testing::Test {
 protected:
  RecordingTest() {
    forecast_ = Write(8, {"--export", trace_, "--write-snapshot", snapshot_}).Json();
  }
  static Outcome Write(int batch, const std::vector<std::string>& files) {
    std::vector<std::string> arguments = {"forecast",
                                          "--depth",
                                          "4",
                                          "--device-batch-size",
                                          std::to_string(batch),
                                          "--gpu",
                                          "a40",
                                          "--eval-every=-1",
                                          "--core-metric-every=-1",
                                          "--sample-every=-1",
                                          "--json"};
    arguments.insert(arguments.end(), files.begin(), files.end());
    return RunVramcast(arguments);
  }

  ScratchFolder folder_;
  const std::string trace_ = folder_.path() + "/run.trace";
  const std::string snapshot_ = folder_.path() + "/run.pickle";
  nlohmann::json forecast_;
};

TEST_F(RecordingTest, AForecastIsReadBackFromBothFiles) {
  for (const std::string& file : {trace_, snapshot_}) {
    const nlohmann::json read = RunVramcast({"snapshot", file, "--json"}).Json();
    EXPECT_EQ(read["devices"][0]["peak_allocated_bytes"], forecast_["peak"]["allocated_bytes"]);
    EXPECT_EQ(read["devices"][0]["peak_reserved_bytes"], forecast_["peak"]["reserved_bytes"]);
    const nlohmann::json played = RunVramcast({"replay", file, "--json"}).Json();
    EXPECT_EQ(played["devices"][0]["at_recorded_address"], played["devices"][0]["allocations"]);
    EXPECT_EQ(played["devices"][0]["segments_predicted"], played["devices"][0]["segments"]);
  }
  EXPECT_LT(10 * std::filesystem::file_size(trace_), std::filesystem::file_size(snapshot_));
}

TEST_F(RecordingTest, TheForecastsLabelsAndCategoriesAreKept) {
  const nlohmann::json composition = forecast_["composition"];
  const nlohmann::json read =
      RunVramcast({"snapshot", snapshot_, "--by", "category", "--json"}).Json();
  for (const nlohmann::json& part : composition) {
    if (part["bytes"].get<int64_t>() == 0) continue;
    bool found = false;
    for (const nlohmann::json& kind : read["devices"][0]["composition"]) {
      found = found || (kind["category"] == part["category"] && kind["bytes"] == part["bytes"]);
    }
    EXPECT_TRUE(found) << part;
  }
  EXPECT_THAT(RunVramcast({"snapshot", trace_}).out, HasSubstr("AdamW moments"));
}

TEST_F(RecordingTest, AModelsForecastIsWrittenToo) {
  const Outcome forecast =
      RunVramcast({"forecast", "--model", "gpt2", "--write-snapshot", snapshot_, "--json"});
  const nlohmann::json read = RunVramcast({"snapshot", snapshot_, "--json"}).Json();
  EXPECT_EQ(read["devices"][0]["peak_allocated_bytes"], forecast.Json()["peak"]["allocated_bytes"]);
}

TEST_F(RecordingTest, WhereItRanOutIsDiagnosed) {
  const std::string died = folder_.path() + "/died.pickle";
  const Outcome replay =
      RunVramcast({"replay", trace_, "--total", "2GiB", "--write-snapshot", died, "--json"});
  ASSERT_EQ(replay.code, 1);
  const Outcome diagnosis = RunVramcast({"diagnose", died, "--json"});
  EXPECT_EQ(diagnosis.code, 1);
  const nlohmann::json event = diagnosis.Json()["oom"];
  const nlohmann::json oom = replay.Json()["devices"][0]["oom"];
  ASSERT_TRUE(oom.is_object());
  EXPECT_TRUE(event["is_vram_oom"].get<bool>());
  EXPECT_EQ(event["allocated_bytes"], oom["allocated_bytes"]);
  EXPECT_EQ(event["free_bytes"], oom["free_bytes"]);
  EXPECT_EQ(event["requested_bytes"], oom["segment_bytes"]);
  EXPECT_THAT(RunVramcast({"diagnose", died}).out, HasSubstr("vramcast snapshot " + died));
}

TEST_F(RecordingTest, ARecordingThatDidNotRunOutIsSaidToBeFine) {
  const Outcome diagnosis = RunVramcast({"diagnose", snapshot_});
  EXPECT_EQ(diagnosis.code, 0);
  EXPECT_THAT(diagnosis.out, HasSubstr("Memory did not run out"));
}

TEST_F(RecordingTest, WhatIsNeitherLogNorSnapshotIsUnreadable) {
  const std::string other = folder_.Write("other", "\x80\x04" + std::string(200000, '\0'));
  const Outcome diagnosis = RunVramcast({"diagnose", other});
  EXPECT_EQ(diagnosis.code, 3);
  EXPECT_THAT(diagnosis.err, HasSubstr("neither the log of a run nor a memory snapshot"));
}

TEST_F(RecordingTest, TheNextCommandKeepsTheWhatIf) {
  const std::string smaller = folder_.path() + "/smaller run.trace";
  ASSERT_EQ(Write(4, {"--export", smaller}).code, 0);
  const std::string what_if = trace_ + " --total 9GiB --other-processes 1GiB --torch 2.8 " +
                              "--scale-batch 3/4 --with '" + smaller + "'";
  const Outcome replay = RunShell("$VRAMCAST replay " + what_if);
  EXPECT_THAT(replay.out, HasSubstr("vramcast replay " + what_if + " --search")) << replay.err;
}

// A snapshot as PyTorch writes it, in JSON: one tensor made by line 3 of `file`.
std::string SnapshotOf(const std::string& file) {
  const nlohmann::json frame = {{"name", "forward"}, {"filename", file}, {"line", 3}};
  const nlohmann::json event = {{"action", "alloc"}, {"addr", 139637976727552}, {"size", 4096},
                                {"stream", 0},       {"frames", {frame}},       {"time_us", 5}};
  return nlohmann::json{{"segments", nlohmann::json::array()}, {"device_traces", {{event}}}}.dump();
}

TEST(SnapshotSource, TheLineThatAllocatesIsShownWhereItsFileIsThere) {
  const ScratchFolder folder;
  const std::string model =
      folder.Write("model.py", "class MLP:\n  def forward(self, x):\n    x = self.c_fc(x)  # up\n");
  const std::string file = folder.Write("snapshot.json", SnapshotOf(model));
  EXPECT_THAT(RunVramcast({"snapshot", file}).out, HasSubstr("forward: x = self.c_fc(x)\n"));
  const nlohmann::json read = RunVramcast({"snapshot", file, "--json"}).Json();
  EXPECT_EQ(read["devices"][0]["composition"][0]["code"], "x = self.c_fc(x)");
}

TEST(SnapshotSource, NoOtherFilesAreOpened) {
  const ScratchFolder folder;
  const std::string secret = folder.Write("secret.txt", "a\nb\nc\n");
  for (const std::string& path : {secret, std::string("/dev/zero"), folder.path() + "/gone.py"}) {
    const std::string file = folder.Write("snapshot.json", SnapshotOf(path));
    const Outcome read = RunVramcast({"snapshot", file, "--json"});
    EXPECT_FALSE(read.Json()["devices"][0]["composition"][0].contains("code")) << path;
  }
}

}  // namespace
}  // namespace vramcast::tests
