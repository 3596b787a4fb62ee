#include "dryrun/result.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dryrun/device_text.h"
#include "dryrun/json.h"
#include "dryrun/pytorch.h"

namespace vramcast::dryrun {
namespace {

constexpr std::string_view kReport = R"({
  "rank": 1, "torch": "2.9.1", "peak_allocated_bytes": 1000, "peak_reserved_bytes": 2000,
  "device_peak_used_bytes": 3000, "stopped": "stable", "steps": [900, 1000],
  "phases": [{"name": "model_init", "peak_allocated_bytes": 10, "peak_reserved_bytes": 20}],
  "oom": {"message": "CUDA out of memory. Tried to allocate 2.00 MiB.", "phase": "train_step"},
  "unknown_entry_points": ["cudaGetFrobs"], "seconds": 1.5})";

TEST(ResultTest, ReadsAReport) {
  const auto result = ReadReport(kReport, Bytes(500));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rank, 1);
  EXPECT_EQ(result->peak_device, Bytes(3500)) << "with the context";
  EXPECT_TRUE(result->stable);
  ASSERT_TRUE(result->oom);
  EXPECT_EQ(result->oom->phase, "train_step");
  EXPECT_EQ(result->phases.at(0).reserved, Bytes(20));
  EXPECT_EQ(result->steps.size(), 2);
}

TEST(ResultTest, AnOddReportIsReadAsFarAsItGoes) {
  const auto result = ReadReport(R"({"phases": [1], "steps": ["x"], "oom": null})", Bytes(500));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->peak_device, Bytes()) << "nothing was used";
  EXPECT_FALSE(result->oom);
  EXPECT_FALSE(ReadReport("no report", Bytes()));
}

TEST(ResultTest, JsonHasTheNamesThatOthersRelyOn) {
  DryRun run;
  run.card = "card";
  run.world_size = 2;
  run.ranks.push_back(*ReadReport(kReport, Bytes(500)));
  const nlohmann::json json = ToJson(run);
  EXPECT_EQ(json.at("schema"), "vramcast.dryrun");
  EXPECT_EQ(json.at("ranks").at(0).at("rank"), 1);
  EXPECT_EQ(json.at("ranks").at(0).at("peak_allocated_bytes"), 1000);
  EXPECT_EQ(json.at("ranks").at(0).at("peak_reserved_bytes"), 2000);
  EXPECT_EQ(json.at("ranks").at(0).at("peak_device_bytes"), 3500);
  EXPECT_TRUE(json.at("ranks").at(0).at("oom").is_object());
  EXPECT_EQ(json.at("phases").at(0).at("name"), "model_init");
}

TEST(PyTorchTest, ReadsWhatPythonSays) {
  const auto torch = ReadPyTorch(
      R"({"folder": "/v/torch", "version": "2.9.1+cu128", "cuda": "12.8", "hip": null,
          "requires": ["filelock", "nvidia-cudnn-cu12==9.10.2.21; platform_system == 'Linux'",
                       "nvidia-nccl-cu12==2.27.5"], "installed": "a=1"})",
      "/v/python");
  ASSERT_TRUE(torch);
  EXPECT_EQ(torch->cuda_version, 12080);
  EXPECT_EQ(torch->cudnn_version, 91002);
  EXPECT_EQ(torch->nccl_version, 22705);
}

TEST(PyTorchTest, SaysWhatIsMissing) {
  const auto none = ReadPyTorch("{}", "python");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kMachine);
  const auto cpu = ReadPyTorch(
      R"({"folder": "/v/torch", "version": "2.9.1+cpu", "cuda": null, "hip": null})", "python");
  ASSERT_FALSE(cpu);
  EXPECT_EQ(cpu.error().kind, ErrorKind::kMachine);
  EXPECT_NE(cpu.error().message.find("without CUDA"), std::string::npos);
  const auto rocm = ReadPyTorch(
      R"({"folder": "/v/torch", "version": "2.9.1+rocm6", "cuda": null, "hip": "6"})", "python");
  ASSERT_FALSE(rocm);
  EXPECT_NE(rocm.error().message.find("ROCm"), std::string::npos);
  EXPECT_FALSE(ReadPyTorch("Traceback", "python"));
}

TEST(DeviceTextTest, DescribesACardAndSaysWhatItGuessed) {
  gpu::Card card;
  card.name = "Some; card";
  card.total = Bytes(int64_t{24} << 30);
  std::vector<std::string> notes;
  PyTorch torch;
  torch.cuda_version = 12080;
  const std::string text = DeviceText({card, 4, Bytes(7), true}, torch, &notes);
  EXPECT_NE(text.find("name=Some, card;count=4;total=25769803776;"), std::string::npos);
  EXPECT_NE(text.find(";other=7;"), std::string::npos);
  EXPECT_EQ(notes.size(), 1);
  EXPECT_NE(text.find(";major=9;minor=0;multiprocessors=132;"), std::string::npos);
}

TEST(DeviceTextTest, ContextGrowsWithTheCard) {
  gpu::Card small, large;
  small.multiprocessors = 20;
  large.multiprocessors = 132;
  EXPECT_LT(ContextSize(small), ContextSize(large));
}

}  // namespace
}  // namespace vramcast::dryrun
