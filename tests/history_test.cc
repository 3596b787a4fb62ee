// `vramcast history` on what watches leave behind, and on nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "binary.h"
#include "fake_machine.h"

namespace vramcast::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr int64_t kMiB = 1 << 20;

// A second a line; `used` in MiB.
template <typename Used>
std::string Series(int samples, Used used) {
  std::string text;
  for (int i = 0; i < samples; ++i) {
    text += json({{"time", 1760000000 + i},
                  {"step", i / 2},
                  {"gpus",
                   {{{"uuid", "GPU-1"},
                     {"index", 0},
                     {"name", "NVIDIA A40"},
                     {"capacity_bytes", 30000 * kMiB},
                     {"used_bytes", static_cast<int64_t>(used(i)) * kMiB}}}}})
                .dump() +
            "\n";
  }
  return text;
}

class History : public testing::Test {
 protected:
  Outcome Run(const std::vector<std::string>& arguments, const std::string& input = "") const {
    Options options{.input = input};
    options.environment["VRAMCAST_DATA_DIR"] = folder_.path() + "/data";
    options.environment["TZ"] = "UTC";
    return RunVramcast(arguments, options);
  }
  std::string File() const { return folder_.path() + "/data/history.db"; }
  // Two watches of recorded series.
  void Fill() const {
    const auto steady = Series(300, [](int i) { return 9000 + i % 7; });
    const auto leak = Series(2400, [](int i) { return 20000 + i / 10 * 20; });
    ASSERT_EQ(Run({"watch", "--source", "-", "--history", File()}, steady).code, 0);
    ASSERT_EQ(Run({"watch", "--source", "-", "--history", File()}, leak).code, 1);
  }

  ScratchFolder folder_;
};

TEST_F(History, AnEmptyOneSaysWhatFillsIt) {
  const Outcome text = Run({"history"});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("Nothing was recorded yet"));
  EXPECT_THAT(text.out, HasSubstr("vramcast watch"));
  EXPECT_EQ(Run({"history", "--json"}).Json()["runs"], json::array());
  EXPECT_EQ(Run({"history", "--run", "1"}).code, 2);
  EXPECT_EQ(Run({"history", "--compare", "1", "2"}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(File()));
}

TEST_F(History, ListsAndShowsWhatWasWatched) {
  Fill();
  const Outcome list = Run({"history"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("2025-10-09 08:53"));
  EXPECT_THAT(list.out, HasSubstr("24.20 GiB"));
  EXPECT_THAT(list.out, HasSubstr("vramcast history --compare 1 2"));
  const Outcome one = Run({"history", "--run", "2"});
  EXPECT_THAT(one.out, HasSubstr("MiB per minute"));
  EXPECT_THAT(one.out, HasSubstr("NVIDIA A40"));
  const json runs = Run({"history", "--json"}).Json()["runs"];
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0]["kind"], "watch");
  EXPECT_EQ(runs[0]["gpus"][0]["samples"], 300);
  EXPECT_EQ(runs[1]["gpus"][0]["peak_used_bytes"], 24780 * kMiB);
  EXPECT_EQ(runs[1]["end"]["exit_code"], 1);
  EXPECT_EQ(
      Run({"history", "--run", "2", "--json"}).Json()["runs"][0]["gpus"][0]["growth"]["verdict"],
      "growing");
  EXPECT_EQ(Run({"history", "--run", "3"}).code, 2);
  EXPECT_THAT(Run({"history", "--gpu", "5"}).out, HasSubstr("None of the 2 recorded runs"));
  EXPECT_THAT(Run({"history", "--explain"}).out, HasSubstr(File()));
}

TEST_F(History, ComparesTwoRuns) {
  Fill();
  const Outcome outcome = Run({"history", "--compare", "1", "2"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("+15.40 GiB"));
  EXPECT_THAT(outcome.out, HasSubstr("steady"));
  EXPECT_THAT(outcome.out, HasSubstr("MiB per minute"));
  EXPECT_EQ(Run({"history", "--compare", "1", "2", "--json"}).Json()["runs"].size(), 2u);
}

TEST_F(History, ExportsEverySample) {
  Fill();
  const std::string csv = folder_.path() + "/all.csv";
  EXPECT_THAT(Run({"history", "--export", csv}).out, HasSubstr("2,700 samples"));
  const std::string text = ReadFile(csv);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2701);
  EXPECT_THAT(text, HasSubstr("\n2,0,1760000001.000,20971520000,0,,,,\n"));
  const std::string file = folder_.path() + "/one.json";
  EXPECT_EQ(Run({"history", "--run", "1", "--export", file, "--json"}).Json()["exported"], 300);
  const json object = json::parse(ReadFile(file));
  EXPECT_EQ(object["samples"].size(), 300u);
  EXPECT_EQ(object["samples"][0]["time"], 1760000000.0);
  EXPECT_EQ(object["runs"].size(), 1u);
  EXPECT_EQ(Run({"history", "--export", "x.txt"}).code, 2);
  EXPECT_EQ(Run({"history", "--export", folder_.path() + "/none/x.csv"}).code, 3);
}

TEST_F(History, DeletesWhatIsNamed) {
  Fill();
  EXPECT_THAT(Run({"history", "--delete", "1"}).out, HasSubstr("Run 1 was deleted."));
  EXPECT_EQ(Run({"history", "--json"}).Json()["runs"].size(), 1u);
  EXPECT_EQ(Run({"history", "--delete", "1"}).code, 2);
  EXPECT_THAT(Run({"history", "--prune", "1d"}).out, HasSubstr("1 runs"));
  EXPECT_THAT(Run({"history"}).out, HasSubstr("The history is empty"));
}

TEST_F(History, RefusesWhatMakesNoSense) {
  EXPECT_EQ(Run({"history", "--since", "yesterday"}).code, 2);
  EXPECT_EQ(Run({"history", "--delete", "1", "--prune", "1d"}).code, 2);
  EXPECT_EQ(Run({"history", "--delete", "1", "--gpu", "0"}).code, 2);
  EXPECT_EQ(Run({"history", "--", "x"}).code, 2);
}

TEST_F(History, ADamagedFileIsSetAside) {
  std::filesystem::create_directories(folder_.path() + "/data");
  const ScratchFolder other;
  std::filesystem::copy(other.Write("x", std::string(9000, 'x')), File());
  const Outcome outcome = Run({"history"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("was set aside as history.db.damaged-"));
}

TEST_F(History, OnlyALiveWatchOfARealMachineIsKept) {
  const auto steady = Series(20, [](int) { return 9000; });
  Run({"watch", "--source", "-"}, steady);
  Run({"watch", "--gpu-source", "demo", "--interval", "0", "--count", "3"});
  EXPECT_FALSE(std::filesystem::exists(File()));
  Options options{.environment = FakeNvml(folder_, R"({"gpus": [{"name": "NVIDIA A40",
      "uuid": "GPU-7", "total_mib": 46068, "reserved_mib": 600, "used_mib": [100, 200, 300]}]})")};
  options.environment["VRAMCAST_DATA_DIR"] = folder_.path() + "/data";
  RunVramcast({"watch", "--once"}, options);
  RunVramcast({"watch", "--interval", "0", "--count", "3", "--no-history"}, options);
  EXPECT_FALSE(std::filesystem::exists(File()));
  const Outcome kept = RunVramcast({"watch", "--interval", "0", "--count", "3"}, options);
  EXPECT_EQ(kept.code, 0) << kept.err;
  const json runs = Run({"history", "--json"}).Json()["runs"];
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0]["gpus"][0]["samples"], 3);
  EXPECT_EQ(runs[0]["end"]["outcome"], "finished");
}

TEST_F(History, AFolderThatCannotBeWrittenStopsNoWatch) {
  const ScratchFolder other;
  const std::string blocked = other.Write("file", "x") + "/below/history.db";
  const Outcome outcome =
      Run({"watch", "--source", "-", "--history", blocked}, Series(20, [](int) { return 9000; }));
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("the history cannot be written"));
  EXPECT_THAT(outcome.out, HasSubstr("After 20 samples"));
}

}  // namespace
}  // namespace vramcast::tests
