// `vramcast watch` beside a run: a process, its log, its command, and what lies ahead of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "binary.h"
#include "fake_machine.h"
#include "monitor/wandb_for_test.h"

namespace vramcast::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;

json Summary(const std::string& text) {
  const size_t end = text.rfind('\n', text.size() - 2);
  return json::parse(text.substr(end == std::string::npos ? 0 : end + 1), nullptr, false);
}

// Samples a second apart of a run of nanochat that holds `used` MiB of a card of `capacity` MiB.
std::string Series(int samples, int64_t used, int64_t capacity, int64_t others = 0) {
  std::string text;
  for (int i = 0; i < samples; ++i) {
    json processes = {{{"pid", 77}, {"name", "python3"}, {"used_bytes", used * kMiB}}};
    if (others > 0) {
      processes.push_back({{"pid", 78}, {"name", "other"}, {"used_bytes", others * kMiB}});
    }
    text += json({{"time", 1000 + i},
                  {"step", i},
                  {"gpus",
                   {{{"uuid", "GPU-1"},
                     {"name", "NVIDIA A40"},
                     {"capacity_bytes", capacity * kMiB},
                     {"used_bytes", (used + others) * kMiB},
                     {"processes", processes}}}}})
                .dump() +
            "\n";
  }
  return text;
}

// Of the machine-readable forecast: a phase's bytes of that name.
int64_t Of(const json& forecast, const std::string& phase, const char* bytes) {
  for (const json& one : forecast["phases"]) {
    if (one["name"] == phase) return one[bytes].get<int64_t>();
  }
  return 0;
}

const std::vector<std::string> kCommand = {"python",
                                           "-m",
                                           "scripts.base_train",
                                           "--depth=12",
                                           "--device-batch-size=1",
                                           "--max-seq-len=512",
                                           "--num-iterations=5000"};

json Watch(const std::string& series, const std::vector<std::string>& command) {
  std::vector<std::string> arguments = {"watch", "--json", "--source", "-", "--"};
  arguments.insert(arguments.end(), command.begin(), command.end());
  const Outcome outcome = RunVramcast(arguments, {.input = series});
  EXPECT_EQ(outcome.err, "");
  return Summary(outcome.out);
}

json Phase(const json& summary, const std::string& name) {
  for (const json& phase : summary["gpus"][0]["next_phases"]) {
    if (phase["phase"] == name) return phase;
  }
  return nullptr;
}

TEST(WatchRun, KnowsAtStepTenThatALaterPhaseWillNotFit) {
  std::vector<std::string> arguments = {"forecast", "--json", "--gpu", "A40", "--"};
  arguments.insert(arguments.end(), kCommand.begin(), kCommand.end());
  const json forecast = RunVramcast(arguments).Json();
  const int64_t training = Of(forecast, "train_step", "peak_reserved_bytes") / kMiB;
  // Its cache would fill any card, and is given back.
  const int64_t core = Of(forecast, "core_metric", "peak_allocated_bytes") / kMiB;
  ASSERT_GT(core, training + 1000) << "the example needs a phase larger than training";
  const int64_t held = training + 600;
  // With room for everything, everything fits.
  const json roomy = Watch(Series(12, held, core + 8000), kCommand);
  EXPECT_EQ(Phase(roomy, "core_metric")["verdict"], "fits");
  EXPECT_EQ(Phase(roomy, "core_metric")["step"], 2000);
  EXPECT_EQ(Phase(roomy, "save")["at_end"], true);
  EXPECT_EQ(roomy["will_fail"], false);
  // With less, CORE at step 2,000 does not, and it says by how much.
  const json tight = Watch(Series(12, held, held + 300), kCommand);
  const json phase = Phase(tight, "core_metric");
  EXPECT_EQ(phase["verdict"], "will_fail") << tight.dump(1);
  EXPECT_EQ(phase["step"], 2000);
  EXPECT_GT(phase["short_by_bytes"].get<int64_t>(), 500 * kMiB);
  EXPECT_NEAR(phase["seconds_until"]["value"].get<double>(), 2000 - 11, 1);
  EXPECT_EQ(tight["will_fail"], true);
  // What others hold counts as what is not there.
  const json shared = Watch(Series(12, held, core + 8000, core + 8000 - held - 300), kCommand);
  EXPECT_EQ(Phase(shared, "core_metric")["verdict"], "will_fail");
  // And so does what the process holds beyond the forecast.
  const json fat = Watch(Series(12, held + 12000, core + 8000), kCommand);
  EXPECT_EQ(Phase(fat, "core_metric")["verdict"], "will_fail");
}

TEST(WatchRun, SaysItInWordsWithTheCommandThatFits) {
  const Outcome outcome = RunVramcast(
      {"watch", "--source", "-", "--", "python", "-m", "scripts.base_train", "--depth=12",
       "--device-batch-size=1", "--max-seq-len=512", "--num-iterations=5000"},
      {.input = Series(12, 4000, 4800, 100)});
  EXPECT_EQ(outcome.code, 1) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("CORE metric at step 2,000 (in about 33 min) will not fit"));
  EXPECT_THAT(outcome.out, HasSubstr("too much"));
  EXPECT_THAT(outcome.out,
              HasSubstr("vramcast fix --gpu \"NVIDIA A40\" --other-processes 100MiB -- python -m"));
}

TEST(WatchRun, ALogTellsStepAndCommand) {
  const ScratchFolder folder;
  auto environment = FakeNvml(folder, R"({"gpus": [{"name": "NVIDIA A40", "uuid": "GPU-1",
      "total_mib": 46068, "used_mib": 9000, "processes": [{"pid": 99999, "used_mib": 8900}]}]})");
  const std::string log =
      folder.Write("train.log",
                   "+ python -m scripts.base_train --depth=12 --device-batch-size=4\n"
                   "step 00041/05000 (0.82%) | loss: 7.1 | dt: 480ms\n");
  const Outcome outcome =
      RunVramcast({"watch", "--once", "--json", "--log", log}, {.environment = environment});
  const json sample = Summary(outcome.out);
  EXPECT_EQ(sample["step"], 41) << outcome.out << outcome.err;
  EXPECT_EQ(sample["total_steps"], 5000);
  EXPECT_EQ(Phase(sample, "core_metric")["step"], 2000);
  EXPECT_EQ(Phase(sample, "save")["step"], 5000);
  EXPECT_EQ(
      RunVramcast({"watch", "--once", "--log", "/nowhere"}, {.environment = environment}).code, 3);
}

TEST(WatchRun, AWandbFileTellsStepsOfARecordedSeriesAndTheConfiguration) {
  const ScratchFolder folder;
  monitor::WandbWriter writer;
  writer.Run({{"depth", "12"},
              {"device_batch_size", "1"},
              {"max_seq_len", "512"},
              {"num_iterations", "5000"},
              {"run", "\"d12\""}});
  for (int i = 0; i < 300; ++i) {
    writer.Row(i, {{"step", std::to_string(i)}, {"_timestamp", std::to_string(1000 + 2 * i)}});
  }
  const std::string file = folder.Write("run-1.wandb", writer.bytes());
  std::string series;
  for (int i = 0; i < 60; ++i) {
    series +=
        json({{"time", 1100 + 2 * i},
              {"gpus",
               {{{"name", "NVIDIA A40"},
                 {"used_bytes", 9000 * kMiB},
                 {"capacity_bytes", 45000 * kMiB},
                 {"processes", {{{"pid", 5}, {"name", "python"}, {"used_bytes", 8900 * kMiB}}}}}}}})
            .dump() +
        "\n";
  }
  const Outcome outcome =
      RunVramcast({"watch", "--source", "-", "--json", "--log", file}, {.input = series});
  const json summary = Summary(outcome.out);
  EXPECT_EQ(summary["step"], 109) << outcome.err;
  EXPECT_NEAR(summary["steps_per_second"]["value"].get<double>(), 0.5, 0.01);
  EXPECT_EQ(Phase(summary, "core_metric")["step"], 2000);
}

TEST(WatchRun, AttachedToAProcessItEndsWithIt) {
  const ScratchFolder folder;
  auto environment = FakeNvml(folder, "{}");
  const std::string script = environment["VRAMCAST_FAKE_NVML"];
  const Outcome outcome = RunShell(
      "sleep 2 & pid=$!; "
      "echo '{\"gpus\": [{\"name\": \"NVIDIA A40\", \"uuid\": \"GPU-1\", \"total_mib\": 46068, "
      "\"used_mib\": 500}, {\"name\": \"NVIDIA L4\", \"uuid\": \"GPU-2\", \"total_mib\": 23034, "
      "\"used_mib\": 900, \"processes\": [{\"pid\": '$pid', \"used_mib\": 800}]}]}' > " +
          script + "; exec $VRAMCAST watch --attach $pid --interval 0.1 --json",
      {.environment = environment});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json summary = Summary(outcome.out);
  EXPECT_THAT(summary["ended"].get<std::string>(), HasSubstr("has ended"));
  ASSERT_EQ(summary["gpus"].size(), 1u);
  EXPECT_EQ(summary["gpus"][0]["name"], "NVIDIA L4");
}

TEST(WatchRun, NoSuchProcess) {
  const Outcome outcome = RunVramcast({"watch", "--attach", "4194304", "--gpu-source", "demo"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("there is no process 4194304"));
}

TEST(WatchRun, ACommandThatIsNoNanochatIsRefused) {
  const Outcome outcome =
      RunVramcast({"watch", "--once", "--gpu-source", "demo", "--", "python", "mine.py"});
  EXPECT_EQ(outcome.code, 2);
}

}  // namespace
}  // namespace vramcast::tests
