// `vramcast fix` from outside: what it prints can be pasted, and everything else stays as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "binary.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// A home without checkpoints, so that what this machine holds does not matter.
class Fix : public testing::Test {
 protected:
  Outcome Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "fix");
    Options options;
    options.environment = {{"HOME", folder_.path()}, {"NANOCHAT_BASE_DIR", folder_.path()}};
    options.directory = folder_.path();
    return RunVramcast(arguments, options);
  }

  ScratchFolder folder_;
};

std::string Command(const nlohmann::json& answer) { return answer["command"]; }

TEST_F(Fix, LeavesACommandAloneThatFits) {
  const Outcome outcome = Run({"--gpu", "H100", "--json", "--", "python", "-m",
                               "scripts.base_train", "--depth=4", "--device-batch-size=1"});
  EXPECT_EQ(outcome.code, 0);
  const nlohmann::json answer = outcome.Json();
  EXPECT_EQ(answer["schema"], "vramcast.fix");
  EXPECT_EQ(answer["changed"], false);
  EXPECT_EQ(Command(answer), "python -m scripts.base_train --depth=4 --device-batch-size=1");
}

TEST_F(Fix, ChangesOnlyTheBatchOfACommandThatIsTooLarge) {
  const Outcome outcome =
      Run({"--gpu", "RTX 3090", "--json", "--", "torchrun", "--standalone", "--nproc_per_node=8",
           "-m", "scripts.base_train", "--", "--depth=20", "--run=a b"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const nlohmann::json answer = outcome.Json();
  EXPECT_THAT(Command(answer),
              StartsWith("torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- "
                         "--depth=20 '--run=a b' --device-batch-size="));
  EXPECT_EQ(answer["launches"][0]["before"]["fits"], false);
  EXPECT_EQ(answer["launches"][0]["forecast"]["fits"], true);
}

TEST_F(Fix, KeepsTheTotalBatchSize) {
  const Outcome outcome =
      Run({"--gpu", "RTX 3090", "--json", "--", "python", "-m", "scripts.base_train", "--depth=12",
           "--device-batch-size=128", "--total-batch-size=524288"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::string command = Command(outcome.Json());
  EXPECT_THAT(command, HasSubstr("--total-batch-size=524288"));
  const size_t at = command.find("--device-batch-size=");
  const int batch = std::stoi(command.substr(at + 20));
  EXPECT_LT(batch, 128);
  EXPECT_EQ(524288 % (batch * 2048), 0);
}

TEST_F(Fix, AnswersTheFolkloreFlagWithTheRealOne) {
  const Outcome outcome =
      Run({"--gpu", "H100", "--json", "--", "python", "-m", "scripts.base_train", "--depth=4",
           "--device-batch-size=1", "--seq-len=512"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(Command(outcome.Json()), HasSubstr(" --max-seq-len=512"));
}

TEST_F(Fix, WritesFlagsAsTheRevisionSpellsThem) {
  const Outcome outcome = Run({"--gpu", "RTX 3090", "--revision", "oct2025", "--json", "--",
                               "python", "-m", "scripts.base_train", "--depth=20"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(Command(outcome.Json()), HasSubstr(" --device_batch_size="));
}

TEST_F(Fix, UnderstandsTheRevisionFromTheSpelling) {
  const Outcome outcome = Run({"--gpu", "H100", "--json", "--", "python", "-m",
                               "scripts.base_train", "--depth=4", "--device_batch_size=1"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.Json()["changed"], false);
  EXPECT_EQ(outcome.Json()["revision_origin"], "how the flags are written");
}

TEST_F(Fix, SaysWhatWouldFitWhereNothingDoes) {
  const Outcome outcome = Run({"--gpu", "8GB", "--", "python", "-m", "scripts.base_train",
                               "--depth=40", "--device-batch-size=4"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("What would fit"));
}

TEST_F(Fix, NeverRecommendsWhatNanochatSetsAlready) {
  const Outcome outcome = Run({"--gpu", "RTX 3090", "--revision", "4346536", "--", "python", "-m",
                               "scripts.base_train", "--", "--depth=20", "--device_batch_size=64"});
  EXPECT_THAT(outcome.out, Not(HasSubstr("expandable_segments")));
}

TEST_F(Fix, SaysThatTheScriptsOwnSettingIsNotRead) {
  const Outcome outcome = Run({"--gpu", "RTX 3090", "--", "python", "-m", "scripts.base_train",
                               "--depth=20", "--device-batch-size=64"});
  EXPECT_THAT(outcome.out, HasSubstr("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"));
}

constexpr char kScript[] =
    "#!/bin/bash\n"
    "# trains on 8 GPUs:  $WANDB_RUN\n"
    "export OMP_NUM_THREADS=1\n"
    "BATCH=64   # per GPU\n"
    "python -m nanochat.dataset -n 8 &\n"
    "torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- \\\n"
    "    --depth=20 \\\n"
    "    --device-batch-size=$BATCH \\\n"
    "    --run=\"$WANDB_RUN\"  2>&1 | tee log\n";

TEST_F(Fix, ShowsWhatToChangeInAScript) {
  const std::string path = folder_.Write("train.sh", kScript);
  const Outcome outcome = Run({"--gpu", "RTX 3090", "--script", path});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("-BATCH=64   # per GPU"));
  EXPECT_THAT(outcome.out, HasSubstr("at the assignment of BATCH"));
  EXPECT_EQ(ReadFile(path), kScript);
}

TEST_F(Fix, EditsAScriptInPlaceAndKeepsTheOriginal) {
  const std::string path = folder_.Write("train.sh", kScript);
  std::filesystem::permissions(path, std::filesystem::perms(0750));
  const Outcome outcome = Run({"--gpu", "RTX 3090", "--in-place", path});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(ReadFile(path + ".orig"), kScript);
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0750));
  std::string changed = ReadFile(path);
  const size_t at = changed.find("BATCH=") + 6;
  changed.replace(at, changed.find(' ', at) - at, "64");
  EXPECT_EQ(changed, kScript);
}

TEST_F(Fix, NeverOverwritesAnOriginal) {
  const std::string path = folder_.Write("train.sh", kScript);
  folder_.Write("train.sh.orig", "mine");
  const Outcome outcome = Run({"--gpu", "RTX 3090", "--in-place", path});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("train.sh.orig"));
  EXPECT_EQ(ReadFile(path), kScript);
  EXPECT_EQ(ReadFile(path + ".orig"), "mine");
}

TEST_F(Fix, KeepsEveryOtherByteOfACommandString) {
  const Outcome outcome = Run({"--gpu", "RTX 3090", "--json", "--command",
                               "cd  nanochat && A='b c' python -m scripts.base_train --depth=20 "
                               "\"--device-batch-size=64\" --run=$X # go"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::string command = Command(outcome.Json());
  EXPECT_THAT(command, StartsWith("cd  nanochat && A='b c' python -m scripts.base_train "
                                  "--depth=20 \"--device-batch-size="));
  EXPECT_THAT(command, testing::EndsWith("\" --run=$X # go"));
}

constexpr char kLog[] =
    "+ torchrun --standalone --nproc_per_node=2 -m scripts.base_train -- --depth=20 "
    "--device-batch-size=64\n"
    "step 00120/21400 (0.56%) | loss: 4.1 | dt: 900.00ms\n"
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 8.00 GiB. GPU 0 has a total "
    "capacity of 23.57 GiB of which 1.20 GiB is free. Including non-PyTorch memory, this process "
    "has 22.30 GiB memory in use. Of the allocated memory 21.50 GiB is allocated by PyTorch, and "
    "120.00 MiB is reserved by PyTorch but unallocated.\n";

TEST_F(Fix, FindsCommandAndCardInALog) {
  const std::string path = folder_.Write("run.log", kLog);
  const Outcome outcome = Run({"--json", "--log", path});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(Command(outcome.Json()),
              StartsWith("torchrun --standalone --nproc_per_node=2 -m scripts.base_train -- "
                         "--depth=20 --device-batch-size="));
  EXPECT_EQ(outcome.Json()["changed"], true);
}

TEST_F(Fix, SaysWhyNothingWasSaved) {
  const Outcome outcome = Run({"--log", folder_.Write("run.log", kLog)});
  EXPECT_THAT(outcome.out, HasSubstr("Nothing was saved: --save-every is -1"));
}

TEST_F(Fix, GivesTheCommandThatResumes) {
  std::filesystem::create_directories(folder_.path() + "/base_checkpoints/d20");
  const std::string folder = "base_checkpoints/d20/";
  // The beginning and the end of a zip archive, which is what torch.save writes.
  const std::string archive = "PK\3\4 tensors PK\5\6" + std::string(18, '\0');
  folder_.Write(folder + "model_000100.pt", archive);
  folder_.Write(folder + "meta_000100.json", R"({"step": 100, "model_config": {"n_layer": 20}})");
  folder_.Write(folder + "optim_000100_rank0.pt", archive);
  folder_.Write(folder + "optim_000100_rank1.pt", archive);
  const Outcome outcome = Run({"--json", "--log", folder_.Write("run.log", kLog)});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.Json()["saved"]["checkpoint"]["step"], 100);
  EXPECT_THAT(std::string(outcome.Json()["saved"]["command"]),
              HasSubstr(" --resume-from-step=100"));
}

TEST_F(Fix, HalvesTheBatchOfOtherPrograms) {
  const Outcome outcome =
      Run({"--", "accelerate", "launch", "train.py", "--per_device_train_batch_size", "8",
           "--gradient_accumulation_steps=4"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("accelerate launch train.py --per_device_train_batch_size 4 "
                                     "--gradient_accumulation_steps=8"));
  EXPECT_THAT(outcome.out, HasSubstr("not forecast"));
}

TEST_F(Fix, TellsWrongUsageFromUnreadableInput) {
  EXPECT_EQ(Run({}).code, 2);
  EXPECT_EQ(Run({"--gpu", "RTX 3090", "--", "ls", "-l"}).code, 2);
  EXPECT_EQ(Run({"--script", "a.sh", "--command", "python x.py"}).code, 2);
  EXPECT_EQ(Run({"--gpu", "no such card", "--", "python", "-m", "scripts.base_train"}).code, 2);
  EXPECT_EQ(
      Run({"--revision", "zzz", "--gpu", "H100", "--", "python", "-m", "scripts.base_train"}).code,
      2);
  EXPECT_EQ(Run({"--script", "missing.sh"}).code, 3);
  EXPECT_EQ(Run({"--script", folder_.path()}).code, 3);
  EXPECT_EQ(Run({"--log", "missing.log"}).code, 3);
  EXPECT_THAT(Run({"--log", "missing.log"}).out, IsEmpty());
}

}  // namespace
}  // namespace vramcast::tests
