#include "diagnosis/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "diagnosis/json.h"

namespace vramcast::diagnosis {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::string Message(int rank, int gpu) {
  const std::string prefix = "[rank" + std::to_string(rank) + "]: ";
  return prefix + "Traceback (most recent call last):\n" + prefix +
         "  File \"/home/me/train.py\", line 41, in <module>\n" + prefix + "    loss.backward()\n" +
         prefix + "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU " +
         std::to_string(gpu) +
         " has a total capacity of 23.56 GiB of which 1.50 GiB is free. Including non-PyTorch "
         "memory, this process has 22.05 GiB memory in use. Of the allocated memory 21.00 GiB is "
         "allocated by PyTorch, and 300.00 MiB is reserved by PyTorch but unallocated. If reserved "
         "but unallocated memory is large try setting "
         "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.\n";
}

Diagnosis Of(std::vector<std::pair<std::string, std::string>> texts, const Hints& hints = {}) {
  std::vector<Log> logs;
  for (auto& [name, text] : texts) {
    logs.push_back(LogFromText(name, text));
  }
  return Diagnose(std::move(logs), hints);
}

TEST(Diagnosis, SaysWhatHappenedInOneSentence) {
  const Diagnosis d = Of({{"run.log", Message(0, 0)}});
  EXPECT_EQ(d.verdict, Verdict::kGpuMemory);
  EXPECT_THAT(d.summary, HasSubstr("2.00 GiB asked for, 1.50 GiB of 23.56 GiB free"));
  ASSERT_FALSE(d.findings.empty());
  EXPECT_EQ(d.findings[0].cause, Cause::kCapacity);
  EXPECT_FALSE(d.remedies.empty());
}

TEST(Diagnosis, ALogWithoutADeathHasNoMainEvent) {
  const Diagnosis d = Of({{"run.log", "step 1 loss 3.2\nstep 2 loss 3.1\n"}});
  EXPECT_EQ(d.verdict, Verdict::kNoDeath);
  EXPECT_EQ(d.main_event(), nullptr);
  EXPECT_TRUE(d.findings.empty());
}

TEST(Diagnosis, AnEmptyLogIsSaidToBeEmpty) {
  EXPECT_THAT(Of({{"run.log", ""}}).summary, HasSubstr("empty"));
}

TEST(Diagnosis, GpuMemoryGoesBeforeTheKillThatFollows) {
  const Diagnosis d =
      Of({{"a.log", "failed (exitcode: -9) local_rank: 1 (pid: 77)\n"}, {"b.log", Message(0, 0)}});
  EXPECT_EQ(d.verdict, Verdict::kGpuMemory);
  EXPECT_EQ(d.deaths[*d.main].log, 1u);
}

TEST(Diagnosis, TheFirstToDieIsFoundByTheTimesOfTheLogs) {
  const Diagnosis d = Of({{"late.log", "2026-05-01 10:00:09 step\n" + Message(1, 1)},
                          {"early.log", "2026-05-01 10:00:03 step\n" + Message(0, 0)}});
  EXPECT_EQ(d.logs[d.deaths[*d.main].log].name, "early.log");
  EXPECT_THAT(d.others, Contains(HasSubstr("rank 0 (early.log) died first")));
  EXPECT_THAT(d.others, Contains(HasSubstr("Died of the same: rank 1 (late.log)")));
}

TEST(Diagnosis, ACommandIsForecastAndComparedWithTheCrash) {
  Hints hints;
  hints.command = {"python", "-m", "scripts.base_train", "--depth=24", "--device-batch-size=32"};
  hints.card = gpu::FindCard("RTX 3090")->card;
  const Diagnosis d = Of({{"run.log", Message(0, 0)}}, hints);
  ASSERT_TRUE(d.job.has_value());
  ASSERT_TRUE(d.job->forecast.has_value());
  EXPECT_EQ(d.job->explains, Explains::kYes);
  EXPECT_THAT(d.job->verdict, HasSubstr("explains the crash"));
}

TEST(Diagnosis, AForecastThatFitsSaysThatItDoesNotExplain) {
  Hints hints;
  hints.command = {
      "python",           "-m", "scripts.base_train", "--depth=4", "--device-batch-size=1",
      "--max-seq-len=512"};
  hints.card = gpu::FindCard("RTX 3090")->card;
  const Diagnosis d = Of({{"run.log", Message(0, 0)}}, hints);
  EXPECT_EQ(d.job->explains, Explains::kNo);
  EXPECT_THAT(d.job->verdict, HasSubstr("does not explain"));
  EXPECT_THAT(d.job->verdict, HasSubstr("more than this command can need"));
}

TEST(Diagnosis, WithoutALogTheCommandAloneIsJudged) {
  Hints hints;
  hints.command = {"python", "-m", "scripts.base_train", "--depth=20", "--device-batch-size=64"};
  hints.card = gpu::FindCard("H100")->card;
  const Diagnosis d = Diagnose({}, hints);
  EXPECT_THAT(d.summary, HasSubstr("does not fit"));
  ASSERT_FALSE(d.remedies.empty());
  EXPECT_THAT(d.remedies[0].command, HasSubstr("--device-batch-size="));
}

TEST(Diagnosis, JsonKeepsTheContract) {
  const nlohmann::json json = ToJson(Of({{"run.log", Message(2, 0)}}));
  EXPECT_EQ(json["schema"], "vramcast.diagnose");
  EXPECT_EQ(json["version"], 1);
  EXPECT_TRUE(json["is_vram_oom"].get<bool>());
  EXPECT_EQ(json["oom"]["requested_bytes"], int64_t{2} << 30);
  EXPECT_EQ(json["oom"]["file"], "run.log");
  EXPECT_EQ(json["events"].size(), 1u);
  EXPECT_EQ(json["findings"][0]["cause"], "capacity");
  EXPECT_TRUE(json["findings"][0]["confidence"].is_number());
  EXPECT_TRUE(json["remedies"][0].contains("forecast"));
}

TEST(Diagnosis, JsonOfALogWithoutADeathHasNullAndEmptyLists) {
  const nlohmann::json json = ToJson(Of({{"run.log", "all is well\n"}}));
  EXPECT_TRUE(json["oom"].is_null());
  EXPECT_TRUE(json["events"].empty());
  EXPECT_TRUE(json["findings"].empty());
}

TEST(Log, LinesAroundADeathKnowTheirNumbersAndLoseTheirColours) {
  const std::string text = "one\n\x1b[31mtwo\x1b[0m\n" + Message(0, 0);
  const Log log = LogFromText("run.log", text);
  ASSERT_EQ(log.around.size(), 1u);
  EXPECT_EQ(log.around[0][1].number, 2u);
  EXPECT_EQ(log.around[0][1].text, "two");
}

TEST(Log, AFileThatIsNotThereIsUnreadable) {
  const auto log = ReadLog("/no/such/file.log");
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().kind, ErrorKind::kUnreadable);
}

TEST(Log, ALineThatAProgressBarRewroteShowsItsLastState) {
  const std::string text = "10%\r50%\r90%\n" + Message(0, 0);
  EXPECT_EQ(LogFromText("run.log", text).around[0][0].text, "90%");
}

}  // namespace
}  // namespace vramcast::diagnosis
