// `vramcast run` around a made-up trainer: what it starts, corrects, resumes and refuses.
#include <gmock/gmock.h>

#include <filesystem>

#include "fake_machine.h"
#include "run_fixture.h"

namespace vramcast::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(RunTest, ARunThatEndsWellIsLeftAlone) {
  const Outcome outcome = Run({}, {"sh", "-c", "echo out; echo err >&2"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

TEST_F(RunTest, TheExitCodeOfAnotherFailureComesBack) {
  EXPECT_EQ(Run({}, {"sh", "-c", "exit 9"}).code, 9);
  EXPECT_EQ(Run({}, {"sh", "-c", "kill -SEGV $$"}).code, 139);
}

TEST_F(RunTest, StandardInputReachesTheCommand) {
  EXPECT_EQ(Run({}, {"cat"}, {.input = "what was typed\n", .environment = {}, .directory = {}}).out,
            "what was typed\n");
}

TEST_F(RunTest, CorrectsTheBatchSizeAndFinishes) {
  const Outcome outcome = Run({"--retries=5"}, train_);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("training with --depth=20 --device-batch-size=32"));
  EXPECT_THAT(outcome.out, HasSubstr("done"));
  EXPECT_THAT(outcome.err, HasSubstr("device-batch-size 32 -> 4"));
  EXPECT_THAT(outcome.err, HasSubstr("The failures cost"));
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

TEST_F(RunTest, ResumesFromTheNewestCompleteCheckpointOfThisRun) {
  std::vector<std::string> command = train_;
  command.push_back("--save-every=3");
  const auto report =
      Report({}, command, {.input = {}, .environment = {{"DIES_AT", "7"}}, .directory = {}});
  ASSERT_EQ(report["attempts"].size(), 2u) << report.dump(2);
  EXPECT_EQ(report["attempts"][1]["exit_code"], 0);
  EXPECT_THAT(report["command"].get<std::string>(), HasSubstr("--resume-from-step=6"));
  EXPECT_THAT(report["command"].get<std::string>(), HasSubstr("--device-batch-size=4"));
  EXPECT_LE(report["attempts"][0]["lost_seconds"], report["attempts"][0]["seconds"]);
}

TEST_F(RunTest, ACheckpointOfAnOlderRunIsNotResumed) {
  std::vector<std::string> older = train_;
  older.back() = "--device-batch-size=4";
  older.push_back("--save-every=3");
  ASSERT_EQ(Run({}, older).code, 0);
  for (const auto& file :
       std::filesystem::directory_iterator(folder_.path() + "/base_checkpoints/d20")) {
    std::filesystem::last_write_time(
        file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }
  const auto report = Report({}, train_);
  EXPECT_THAT(report["command"].get<std::string>(), Not(HasSubstr("--resume-from-step")));
}

TEST_F(RunTest, NoResumeStartsAgainFromTheBeginning) {
  std::vector<std::string> command = train_;
  command.push_back("--save-every=3");
  const auto report = Report({"--no-resume"}, command,
                             {.input = {}, .environment = {{"DIES_AT", "7"}}, .directory = {}});
  EXPECT_THAT(report["command"].get<std::string>(), Not(HasSubstr("--resume-from-step")));
  EXPECT_EQ(report["exit_code"], 0);
}

TEST_F(RunTest, StepsDownAgainWhenTheForecastWasTooHopeful) {
  const auto report = Report({"--retries=5"}, train_,
                             {.input = {}, .environment = {{"LIVES", "1"}}, .directory = {}});
  EXPECT_EQ(report["exit_code"], 0) << report.dump(2);
  std::vector<std::string> commands;
  for (const auto& attempt : report["attempts"]) commands.push_back(attempt["command"]);
  std::sort(commands.begin(), commands.end());
  EXPECT_EQ(std::unique(commands.begin(), commands.end()), commands.end()) << "one came twice";
}

TEST_F(RunTest, NoRetriesMeansTheFirstDeathIsFinal) {
  const Outcome outcome = Run({"--retries=0"}, train_);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, Not(HasSubstr("done")));
  EXPECT_THAT(outcome.err, HasSubstr("--retries is 0"));
}

TEST_F(RunTest, TheReportIsAloneOnStandardOutput) {
  const Outcome outcome = Run({"--retries=5", "--json"}, train_);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const nlohmann::json report = outcome.Json();
  ASSERT_TRUE(report.is_object()) << outcome.out;
  EXPECT_EQ(report["schema"], "vramcast.run");
  ASSERT_GE(report["attempts"].size(), 2u);
  EXPECT_EQ(report["attempts"][0]["out_of_memory"], true);
  EXPECT_EQ(report["attempts"].back()["exit_code"], 0);
  EXPECT_THAT(outcome.err, HasSubstr("training with"));
}

TEST_F(RunTest, RefusesWhatCannotFit) {
  const Outcome outcome = Run({"--gpu=rtx3090"}, train_);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("will not fit"));
  EXPECT_THAT(outcome.err, HasSubstr("--force"));
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(Report({"--gpu=rtx3090"}, train_)["started"], false);
}

TEST_F(RunTest, ForceStartsWhatCannotFit) {
  const Outcome outcome = Run({"--gpu=rtx3090", "--force", "--retries=5"}, train_);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("--device-batch-size=32"));
}

TEST_F(RunTest, CorrectsAScriptAndLeavesItsFileAsItIs) {
  const std::string text =
      "#!/bin/bash\nset -e\ncd \"$(dirname \"${BASH_SOURCE[0]}\")/..\"\necho \"with $1\"\n"
      "python3 -m scripts.base_train --depth=20 --device-batch-size=32\necho after\n";
  const std::string path = folder_.Write("runs/speedrun.sh", text);
  const Outcome outcome = Run({}, {"bash", "runs/speedrun.sh", "an argument"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("with an argument"));
  EXPECT_THAT(outcome.out, HasSubstr("--device-batch-size=4"));
  EXPECT_THAT(outcome.out, HasSubstr("done\nafter"));
  EXPECT_THAT(outcome.err, HasSubstr("+python3 -m scripts.base_train"));
  EXPECT_EQ(ReadFile(path), text);
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/runs")) {
    files.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(files, ElementsAre("speedrun.sh"));
}

TEST_F(RunTest, AScriptThatIsExecutedItselfIsCorrectedToo) {
  const std::string path = folder_.Write(
      "train.sh",
      "#!/bin/sh\nexec python3 -m scripts.base_train --device-batch-size=32 --depth=20\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  const Outcome outcome = Run({}, {"./train.sh"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("--device-batch-size=4"));
}

// On this card training fits, and the CORE metric at step 2,000 does not.
const std::vector<std::string> kUnsafeCore = {"python3",
                                              "-m",
                                              "scripts.base_train",
                                              "--depth=4",
                                              "--max-seq-len=512",
                                              "--num-iterations=5000",
                                              "--device-batch-size=4"};

TEST_F(RunTest, ProtectsAMetricThatDoesNotFitWithACheckpointBeforeIt) {
  EXPECT_EQ(Run({"--gpu=4GiB"}, kUnsafeCore).code, 1);
  const Outcome outcome = Run({"--gpu=4GiB", "--protect-eval"}, kUnsafeCore);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("the CORE metric at step 2000 may not fit, so "
                                     "--save-every=1999 was added"));
  EXPECT_THAT(outcome.out, HasSubstr("--save-every=1999"));
}

TEST_F(RunTest, ASaveThatComesInTimeProtectsAlready) {
  std::vector<std::string> command = kUnsafeCore;
  command.push_back("--save-every=500");
  const Outcome outcome = Run({"--gpu=4GiB", "--protect-eval"}, command);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("--save-every=500 saves before it"));
}

TEST_F(RunTest, NothingProtectsWhatCannotBeSaved) {
  std::vector<std::string> command = kUnsafeCore;
  command.push_back("--core-metric-every=1");
  const Outcome outcome = Run({"--gpu=4GiB", "--protect-eval"}, command);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("nothing protects it"));
  EXPECT_THAT(outcome.err, HasSubstr("not started"));
}

TEST_F(RunTest, WritesAReportThatNeedsNoNetwork) {
  const std::string path = folder_.path() + "/report.html";
  EXPECT_EQ(Run({"--report", path}, train_).code, 0);
  const std::string page = ReadFile(path);
  EXPECT_THAT(page, HasSubstr("<!doctype html>"));
  EXPECT_THAT(page, HasSubstr("changed for attempt 2: --device-batch-size 32 -&gt; 4"));
  EXPECT_THAT(page, HasSubstr("The failures cost"));
  EXPECT_THAT(page, Not(HasSubstr("http")));
}

TEST_F(RunTest, AReportThatCannotBeWrittenIsSaidBeforeTheStart) {
  const Outcome outcome = Run({"--report", "/no/such/folder/report.html"}, {"echo", "started"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
}

TEST_F(RunTest, WrongUseIsSaidBeforeTheStart) {
  EXPECT_EQ(RunVramcast({"run"}).code, 2);
  const Outcome outcome = Run({"--allow=everything"}, {"echo", "started"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("sequence"));
  EXPECT_EQ(Run({}, {"/no/such/program"}).code, 3);
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

}  // namespace
}  // namespace vramcast::tests
