// `vramcast watch` on recorded series, on the demo machine and on a made-up driver.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

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
                  {"gpus",
                   {{{"uuid", "GPU-1"},
                     {"name", "NVIDIA A40"},
                     {"capacity_bytes", 30000 * kMiB},
                     {"used_bytes", static_cast<int64_t>(used(i)) * kMiB},
                     {"processes",
                      {{{"pid", 77},
                        {"name", "python3"},
                        {"used_bytes", static_cast<int64_t>(used(i)) * kMiB}}}}}}}})
                .dump() +
            "\n";
  }
  return text;
}

std::vector<json> Lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(json::parse(line, nullptr, false));
    EXPECT_TRUE(lines.back().is_object()) << line;
  }
  return lines;
}

TEST(Watch, ALeakIsBadNewsWithItsRateAndItsEnd) {
  const ScratchFolder folder;
  const std::string file =
      folder.Write("leak.jsonl", Series(2400, [](int i) { return 20000 + i / 10 * 20; }));
  const Outcome outcome = RunVramcast({"watch", "--source", file});
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("process 77 (python3)"));
  EXPECT_THAT(outcome.out, HasSubstr("per minute, full in about"));
  const std::vector<json> lines = Lines(RunVramcast({"watch", "--source", file, "--json"}).out);
  ASSERT_EQ(lines.size(), 2401u);
  const json& summary = lines.back();
  EXPECT_EQ(summary["type"], "summary");
  EXPECT_EQ(summary["leaking"], true);
  const json& growth = summary["gpus"][0]["growth"];
  EXPECT_EQ(growth["verdict"], "growing");
  EXPECT_NEAR(growth["bytes_per_second"]["value"].get<double>(), 2.0 * kMiB, 0.1 * kMiB);
  const double truth = (30000 - 20000) / 2.0 - 2400;
  EXPECT_LE(growth["seconds_to_full"]["low"].get<double>(), truth);
  EXPECT_GE(growth["seconds_to_full"]["high"].get<double>(), truth);
}

TEST(Watch, SteadyAndJumpingRunsAreGoodNews) {
  const Outcome steady = RunVramcast({"watch", "--source", "-"},
                                     {.input = Series(500, [](int i) { return 9000 + i % 7; })});
  EXPECT_EQ(steady.code, 0) << steady.err;
  EXPECT_THAT(steady.out, HasSubstr("steady"));
  const Outcome jump =
      RunVramcast({"watch", "--source", "-"},
                  {.input = Series(500, [](int i) { return i < 200 ? 9000 : 15000; })});
  EXPECT_EQ(jump.code, 0);
  EXPECT_THAT(jump.out, HasSubstr("jump of 5.86 GiB"));
}

TEST(Watch, WhatItPrintsItReads) {
  const Outcome first = RunVramcast({"watch", "--json", "--source", "-"},
                                    {.input = Series(50, [](int i) { return 9000 + i; })});
  const Outcome second = RunVramcast({"watch", "--json", "--source", "-"}, {.input = first.out});
  EXPECT_EQ(second.out, first.out);
}

TEST(Watch, StepsInTheSeriesGiveRatesPerStep) {
  std::string series;
  for (int i = 0; i < 1500; ++i) {
    series +=
        json({{"time", i},
              {"step", i / 2},
              {"gpus", {{{"used_bytes", (8000 + i) * kMiB}, {"capacity_bytes", 11000 * kMiB}}}}})
            .dump() +
        "\n";
  }
  const Outcome outcome = RunVramcast({"watch", "--source", "-"}, {.input = series});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("per step"));
  EXPECT_THAT(outcome.out, HasSubstr(" steps"));
}

// A trainer that holds what it holds, and a notebook beside it that grows by 2 MiB a second.
std::string SeriesWithANotebook(int samples) {
  std::string text;
  for (int i = 0; i < samples; ++i) {
    const int64_t notebook = (1000 + 2 * i) * kMiB;
    text += json({{"time", 1760000000 + i},
                  {"step", i / 2},
                  {"gpus",
                   {{{"uuid", "GPU-1"},
                     {"name", "NVIDIA A40"},
                     {"capacity_bytes", 30000 * kMiB},
                     {"used_bytes", 20000 * kMiB + notebook},
                     {"processes",
                      {{{"pid", 77}, {"name", "python3"}, {"used_bytes", 19500 * kMiB}},
                       {{"pid", 4100}, {"name", "jupyter-lab"}, {"used_bytes", notebook}}}}}}}})
                .dump() +
            "\n";
  }
  return text;
}

TEST(Watch, AnotherProcessThatGrowsIsNamedAsSuch) {
  const ScratchFolder folder;
  const std::string file = folder.Write("notebook.jsonl", SeriesWithANotebook(2600));
  const std::vector<std::string> run = {"--", "python", "-m", "scripts.base_train", "--depth=12"};
  std::vector<std::string> words = {"watch", "--source", file};
  words.insert(words.end(), run.begin(), run.end());
  const Outcome outcome = RunVramcast(words);
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("another process grows 120."));
  EXPECT_THAT(outcome.out, HasSubstr("MiB per minute"));
  EXPECT_THAT(outcome.out, HasSubstr("by process 4100 (jupyter-lab)"));
  EXPECT_THAT(outcome.out, HasSubstr("process 4100 (jupyter-lab) that grows, not the run"));
  // Nothing in the run leaks: no advice to look for it there.
  EXPECT_THAT(outcome.out, Not(HasSubstr("vramcast run --")));
  words.insert(words.begin() + 1, "--json");
  const json summary = Lines(RunVramcast(words).out).back();
  EXPECT_EQ(summary["gpus"][0]["growing_pid"], 4100);
  EXPECT_EQ(summary["gpus"][0]["growing_other"], true);

  // Which of them is watched is not known here.
  const json unknown = Lines(RunVramcast({"watch", "--json", "--source", file}).out).back();
  EXPECT_EQ(unknown["gpus"][0]["growing_pid"], 4100);
  EXPECT_EQ(unknown["gpus"][0]["growing_other"], nullptr);
}

TEST(Watch, LinesThatAreNoSamplesAreCounted) {
  const Outcome outcome =
      RunVramcast({"watch", "--source", "-"},
                  {.input = "garbage\n" + Series(20, [](int) { return 1; }) + "{\"gpus\": 7}\n"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("2 lines were no samples"));
}

TEST(Watch, InputThatIsNoSeriesCannotBeRead) {
  EXPECT_EQ(RunVramcast({"watch", "--source", "/nowhere"}).code, 3);
  EXPECT_EQ(RunVramcast({"watch", "--source", "-"}, {.input = ""}).code, 3);
  EXPECT_EQ(RunVramcast({"watch", "--source", "-"}, {.input = std::string("\0\xff\n[[[", 6)}).code,
            3);
}

TEST(Watch, TheDemoLeaks) {
  const Outcome outcome =
      RunVramcast({"watch", "--gpu-source", "demo", "--interval", "0", "--count", "1400"});
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("grows"));
}

TEST(Watch, OnceIsOneLookAtALiveGpu) {
  const ScratchFolder folder;
  const auto environment = FakeNvml(folder, R"({"gpus": [{"name": "NVIDIA A40", "uuid": "GPU-1",
      "total_mib": 46068, "reserved_mib": 600, "used_mib": [100, 200, 300]}]})");
  const Outcome once = RunVramcast({"watch", "--once", "--json"}, {.environment = environment});
  EXPECT_EQ(once.code, 0) << once.err;
  const std::vector<json> lines = Lines(once.out);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["gpus"][0]["capacity_bytes"], (46068 - 600) * kMiB);
  EXPECT_EQ(lines[0]["gpus"][0]["growth"]["verdict"], "too_early");
  const std::vector<json> three =
      Lines(RunVramcast({"watch", "--count", "3", "--interval", "0", "--json"},
                        {.environment = environment})
                .out);
  ASSERT_EQ(three.size(), 4u);
  EXPECT_EQ(three[2]["gpus"][0]["used_bytes"].get<int64_t>() -
                three[1]["gpus"][0]["used_bytes"].get<int64_t>(),
            100 * kMiB);
}

TEST(Watch, WithoutAGpuItSaysWhatToDo) {
  const Outcome outcome = RunVramcast({"watch", "--gpu-source", "nvml", "--once"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("--gpu-source demo"));
}

TEST(Watch, WrongUseIsSaid) {
  EXPECT_EQ(RunVramcast({"watch", "--interval", "-1"}).code, 2);
  EXPECT_EQ(RunVramcast({"watch", "--interval", "soon"}).code, 2);
  EXPECT_EQ(RunVramcast({"watch", "--plain", "--json"}).code, 2);
  EXPECT_EQ(RunVramcast({"watch", "--source", "x", "--gpu-source", "demo"}).code, 2);
  EXPECT_EQ(RunVramcast({"watch", "--gpu-source", "demo", "--count", "0"}).code, 2);
}

}  // namespace
}  // namespace vramcast::tests
