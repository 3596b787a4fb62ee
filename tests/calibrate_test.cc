// `vramcast forecast --calibrate` on logs as runs print them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "binary.h"

namespace vramcast::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class Calibrate : public testing::Test {
 protected:
  Outcome Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "forecast");
    Options options;
    options.environment["VRAMCAST_DATA_DIR"] = folder_.path() + "/data";
    return RunVramcast(arguments, options);
  }
  json Forecast(int depth, const std::vector<std::string>& more = {},
                const std::string& card = "H100 80GB") const {
    std::vector<std::string> arguments = {"--json", "--depth", std::to_string(depth)};
    for (const char* word :
         {"--device-batch-size", "16", "--world-size", "8", "--revision", "oct2025", "--gpu"}) {
      arguments.emplace_back(word);
    }
    arguments.push_back(card);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments).Json();
  }
  // A run as its log shows it, whose peak is `mib` above the forecast.
  std::string Log(int depth, double mib) const {
    const double peak = Forecast(depth, {"--no-calibration"})["peak"]["allocated_bytes"];
    char line[64];
    snprintf(line, sizeof line, "Peak memory usage: %.2fMiB\n", peak / (1 << 20) + mib);
    return folder_.Write(
        "run" + std::to_string(depth) + ".log",
        "$ torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- --depth=" +
            std::to_string(depth) + " --device_batch_size=16\nGPU: NVIDIA H100 80GB HBM3\n" +
            "step 00001/00100 | loss: 10.1\n" + line);
  }

  ScratchFolder folder_;
};

TEST_F(Calibrate, LogsMoveTheForecastUntilTheyAreForgotten) {
  const json before = Forecast(20);
  const Outcome read = Run({"--calibrate", Log(18, 12), Log(22, 16), "--revision", "oct2025"});
  ASSERT_EQ(read.code, 0) << read.out << read.err;
  EXPECT_THAT(read.out, HasSubstr("2 measurements of 2 logs are new"));
  EXPECT_THAT(read.out, HasSubstr("+12.00 MiB"));
  const json after = Forecast(20);
  EXPECT_NEAR(after["calibration_shift_bytes"].get<double>() / (1 << 20), 14, 0.02);
  EXPECT_EQ(after["peak"]["allocated_bytes"].get<int64_t>() -
                before["peak"]["allocated_bytes"].get<int64_t>(),
            after["calibration_shift_bytes"].get<int64_t>());
  EXPECT_LT(after["interval"]["high_bytes"], before["interval"]["high_bytes"]);
  EXPECT_GT(after["interval"]["low_bytes"], before["interval"]["low_bytes"]);
  EXPECT_THAT(after["inputs"].dump(), HasSubstr("2 runs of 2 configurations"));
  const Outcome explained = Run({"--depth", "20", "--device-batch-size", "16", "--world-size", "8",
                                 "--gpu", "H100 80GB", "--revision", "oct2025", "--explain"});
  EXPECT_THAT(explained.out, HasSubstr("remainder measured on this machine"));
  EXPECT_EQ(Forecast(20, {"--no-calibration"}), before);
  EXPECT_EQ(Forecast(20, {}, "A100 80GB")["calibration_shift_bytes"], 0);

  // The same logs again teach nothing new.
  EXPECT_THAT(Run({"--calibrate", Log(18, 12), "--revision", "oct2025"}).out,
              HasSubstr("0 measurements of 1 logs are new, 1 were known"));
  EXPECT_THAT(Run({"--calibrate"}).out, HasSubstr("run18.log"));
  const json forgotten = Run({"--calibrate", "--forget", "--json"}).Json();
  EXPECT_EQ(forgotten["forgotten"], 2);
  EXPECT_EQ(Forecast(20), before);
}

TEST_F(Calibrate, AReportWithSeveralStagesIsReadStageByStage) {
  const double peak = Forecast(20)["peak"]["allocated_bytes"];
  char line[64];
  snprintf(line, sizeof line, "- Peak memory usage: %.2fMiB\n", peak / (1 << 20) + 3);
  const std::string report = folder_.Write(
      "report.md",
      std::string("# nanochat training report\n\n- Branch: master\n- Commit: 3a5e0bc (clean)\n"
                  "- GPUs: 8x NVIDIA H100 80GB HBM3\n\n## Base model training\n- depth: 20\n"
                  "- max_seq_len: 2048\n- device_batch_size: 16\n- total_batch_size: 524288\n"
                  "- DDP world size: 8\n") +
          line + "\n## Chat SFT\n- device_batch_size: 4\n");
  const json read = Run({"--calibrate", report, "--revision", "oct2025", "--json"}).Json();
  ASSERT_EQ(read["observations"].size(), 1u) << read.dump(2);
  EXPECT_EQ(read["observations"][0]["stage"], "scripts.base_train");
  EXPECT_THAT(read["observations"][0]["configuration"].get<std::string>(),
              HasSubstr("16 x 2048 tokens"));
}

TEST_F(Calibrate, WhatALogLacksIsSaid) {
  const std::string empty = folder_.Write("empty.log", "step 1\n");
  const Outcome nothing = Run({"--calibrate", empty});
  EXPECT_EQ(nothing.code, 1);
  EXPECT_THAT(nothing.out, HasSubstr("it prints no \"Peak memory usage\""));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/data/calibration.db"));

  const std::string bare = folder_.Write("bare.log", "Peak memory usage: 20000.00MiB\n");
  EXPECT_THAT(Run({"--calibrate", bare}).out, HasSubstr("the model's depth"));
  EXPECT_THAT(Run({"--calibrate", bare, "--depth", "20"}).out, HasSubstr("which stage"));
  std::vector<std::string> said = {"--calibrate", bare, "--depth", "20", "--stage", "base"};
  EXPECT_THAT(Run(said).out, HasSubstr("on how many GPUs"));
  said.insert(said.end(), {"--world-size", "8"});
  EXPECT_THAT(Run(said).out, HasSubstr("which revision"));
  said.insert(said.end(), {"--revision", "oct2025"});
  EXPECT_THAT(Run(said).out, HasSubstr("which GPU"));
  said.insert(said.end(), {"--gpu", "H100 80GB"});
  const Outcome other = Run(said);
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.out, HasSubstr("not the code or the"));
  EXPECT_EQ(Run({"--calibrate", "/nowhere.log"}).code, 3);
  EXPECT_EQ(Run({"--forget"}).code, 2);
}

TEST_F(Calibrate, ACrashReportTellsTheMemoryOutsidePytorch) {
  const auto crash = [&](int n) {
    return folder_.Write(
        "crash" + std::to_string(n) + ".log",
        "$ torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- --depth=26\n"
        "GPU: NVIDIA H100 80GB HBM3\n"
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 4.00 GiB. GPU 0 has a total "
        "capacity of 79.11 GiB of which 1.57 GiB is free. Process 17 has 1.00 GiB memory in use. "
        "Including non-PyTorch memory, this process has 76.5" +
            std::to_string(n) +
            " GiB memory in use. Of the allocated memory 70.00 GiB is allocated by PyTorch, and "
            "5.50 GiB is reserved by PyTorch but unallocated. If reserved but unallocated memory "
            "is large try setting PYTORCH_ALLOC_CONF=expandable_segments:True\n");
  };
  const Outcome read = Run({"--calibrate", crash(0), crash(1), crash(2)});
  ASSERT_EQ(read.code, 0) << read.out << read.err;
  const json after = Forecast(20);
  EXPECT_THAT(after["inputs"].dump(), HasSubstr("1.01 GiB from 3 crash reports"));
  EXPECT_EQ(after["calibration_shift_bytes"], 0);
}

TEST_F(Calibrate, ADamagedCalibrationStopsNoForecast) {
  std::filesystem::create_directories(folder_.path() + "/data");
  const ScratchFolder other;
  const std::string file = folder_.path() + "/data/calibration.db";
  std::filesystem::copy(other.Write("x", std::string(9000, 'x')), file);
  const json forecast = Forecast(20);
  EXPECT_GT(forecast["peak"]["allocated_bytes"], 0);
  EXPECT_THAT(forecast["warnings"].dump(), HasSubstr("was set aside"));
}

}  // namespace
}  // namespace vramcast::tests
