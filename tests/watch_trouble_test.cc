// `vramcast watch` where things go wrong: drivers that go away or hang, logs that are cut, readers
// that leave, full disks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "binary.h"
#include "fake_machine.h"

namespace vramcast::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::vector<json> LinesOf(const std::string& text, const std::string& type) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    const json object = json::parse(line, nullptr, false);
    EXPECT_TRUE(object.is_object()) << line;
    if (object.is_object() && object.value("type", "") == type) lines.push_back(object);
  }
  return lines;
}

const std::vector<std::string> kTen = {"watch", "--count", "10", "--interval", "0", "--json"};

TEST(WatchTrouble, AGpuThatFallsOffTheBus) {
  const ScratchFolder folder;
  const auto environment = FakeNvml(folder, R"({"gpus": [
      {"name": "NVIDIA A40", "uuid": "GPU-1", "total_mib": 46068, "used_mib": 100},
      {"name": "NVIDIA A40", "uuid": "GPU-2", "total_mib": 46068, "used_mib": 200,
       "lost_after": 3}]})");
  const Outcome outcome = RunVramcast(kTen, {.environment = environment});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto samples = LinesOf(outcome.out, "sample");
  ASSERT_EQ(samples.size(), 10u);
  EXPECT_EQ(samples[0]["gpus"].size(), 2u);
  EXPECT_EQ(samples[9]["gpus"].size(), 1u);
  const auto notes = LinesOf(outcome.out, "note");
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0]["text"].get<std::string>(), HasSubstr("GPU 1 no longer answers"));
}

TEST(WatchTrouble, ADriverThatIsLoadedAnew) {
  const ScratchFolder folder;
  const auto environment = FakeNvml(folder, R"({"gone": [6, 16], "gpus": [
      {"name": "NVIDIA A40", "uuid": "GPU-1", "total_mib": 46068, "used_mib": 100}]})");
  const Outcome outcome = RunVramcast(kTen, {.environment = environment});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(LinesOf(outcome.out, "sample").size(), 10u);
  EXPECT_GE(LinesOf(outcome.out, "note").size(), 1u);
}

TEST(WatchTrouble, AHangingDriverDoesNotKeepItFromEnding) {
  const ScratchFolder folder;
  const auto environment = FakeNvml(folder, R"({"gpus": [
      {"name": "NVIDIA A40", "uuid": "GPU-1", "total_mib": 46068, "used_mib": 100,
       "hang_after": 2}]})");
  const Outcome outcome = RunShell(
      "$VRAMCAST watch --interval 0 --json > $OUT & "
      "until [ $(wc -l < $OUT) -ge 2 ]; do sleep 0.1; done; kill $!; wait $!",
      {.environment = {{"OUT", folder.Write("out", "")},
                       {"VRAMCAST_FAKE_NVML", environment.at("VRAMCAST_FAKE_NVML")},
                       {"LD_LIBRARY_PATH", environment.at("LD_LIBRARY_PATH")}}});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string out = ReadFile(folder.path() + "/out");
  EXPECT_EQ(LinesOf(out, "sample").size(), 2u);
  EXPECT_EQ(LinesOf(out, "summary").size(), 1u);
}

TEST(WatchTrouble, AHangingNvidiaSmiIsEndedWithIt) {
  const ScratchFolder folder;
  folder.Write("gpus.csv",
               "index, name, uuid, memory.total [MiB], memory.used [MiB], memory.free [MiB]\n"
               "0, NVIDIA A40, GPU-1, 46068 MiB, 100 MiB, 45968 MiB\n");
  folder.Write("apps.csv", "gpu_uuid, pid, process_name, used_gpu_memory [MiB]\n");
  auto environment = FakeSmi(folder);
  environment["OUT"] = folder.Write("out", "");
  environment["FOLDER"] = folder.path();
  const Outcome outcome = RunShell(
      "$VRAMCAST watch --gpu-source nvidia-smi --interval 0 --json > $OUT & "
      "until [ $(wc -l < $OUT) -ge 2 ]; do sleep 0.1; done; touch $FOLDER/hang.txt; sleep 0.5; "
      "kill $!; wait $!",
      {.environment = environment});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(LinesOf(ReadFile(folder.path() + "/out"), "summary").size(), 1u);
}

TEST(WatchTrouble, AReaderThatLeavesEndsIt) {
  const Outcome outcome = RunShell(
      "{ $VRAMCAST watch --gpu-source demo --interval 0 --json; echo code $? >&2; } | "
      "head -n 3 | wc -l");
  EXPECT_THAT(outcome.out, HasSubstr("3"));
  EXPECT_THAT(outcome.err, HasSubstr("code 0"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("cannot be written")));
}

TEST(WatchTrouble, AFullDiskIsSaid) {
  if (!std::ofstream("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  const Outcome outcome =
      RunShell("$VRAMCAST watch --gpu-source demo --interval 0 --json >/dev/full");
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("No space left"));
}

TEST(WatchTrouble, AHistoryThatCannotBeWrittenDoesNotStopIt) {
  const Outcome outcome = RunVramcast({"watch", "--gpu-source", "demo", "--interval", "0",
                                       "--count", "5", "--plain", "--history", "/dev/null/no"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("After 5 samples"));
  EXPECT_NE(outcome.err, "");
}

TEST(WatchTrouble, NoGpuMemoryAtAll) {
  const ScratchFolder folder;
  const auto environment = FakeNvml(folder, R"({"gpus": [
      {"name": "NVIDIA GB10", "uuid": "GPU-1", "refuse": ["memory"]}]})");
  const Outcome outcome = RunVramcast({"watch", "--once"}, {.environment = environment});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST(WatchTrouble, NamesThatMayNotBeReadAreUnknown) {
  const ScratchFolder folder;
  const auto environment = FakeNvml(folder, R"({"gpus": [
      {"name": "NVIDIA A40", "uuid": "GPU-1", "total_mib": 46068, "used_mib": 100,
       "processes": [{"pid": 1, "used_mib": 50}, {"pid": 4194303, "used_mib": null}]}]})");
  const Outcome outcome = RunVramcast({"watch", "--once", "--json"}, {.environment = environment});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto samples = LinesOf(outcome.out, "sample");
  ASSERT_EQ(samples.size(), 1u);
  ASSERT_EQ(samples[0]["gpus"][0]["processes"].size(), 2u);
  EXPECT_TRUE(samples[0]["gpus"][0]["processes"][1]["name"].is_null());
  EXPECT_TRUE(samples[0]["gpus"][0]["processes"][1]["used_bytes"].is_null());
}

TEST(WatchTrouble, MigInstancesAreFollowedOneByOne) {
  const ScratchFolder folder;
  const auto environment = FakeNvml(folder, R"({"gpus": [
      {"name": "NVIDIA A100-SXM4-40GB", "uuid": "GPU-1", "mig": 1, "total_mib": 40960,
       "used_mib": 4000,
       "processes": [{"pid": 17, "used_mib": 512, "gi": 1, "ci": 0}],
       "instances": [{"name": "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "uuid": "MIG-1", "gi": 1,
                      "ci": 0, "total_mib": 4864, "used_mib": [1000, 1100]},
                     {"name": "NVIDIA A100-SXM4-40GB MIG 2g.10gb", "uuid": "MIG-2", "gi": 2,
                      "ci": 0, "total_mib": 9728, "used_mib": 20}]}]})");
  const Outcome outcome = RunVramcast({"watch", "--once", "--json"}, {.environment = environment});
  const auto samples = LinesOf(outcome.out, "sample");
  ASSERT_EQ(samples.size(), 1u);
  ASSERT_EQ(samples[0]["gpus"].size(), 2u);
  EXPECT_EQ(samples[0]["gpus"][0]["uuid"], "MIG-1");
  EXPECT_EQ(samples[0]["gpus"][0]["processes"].size(), 1u);
  EXPECT_EQ(samples[0]["gpus"][1]["processes"].size(), 0u);
}

}  // namespace
}  // namespace vramcast::tests
