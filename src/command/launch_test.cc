#include "command/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vramcast::command {
namespace {

using nanochat::Stage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Launch One(const std::string& text) {
  const LaunchScript script = ReadLaunches(text);
  EXPECT_THAT(script.launches, SizeIs(1)) << text;
  return script.launches.empty() ? Launch() : script.launches[0];
}

TEST(ReadLaunches, ReadsNanochatsOwnForm) {
  const Launch launch =
      One("torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- --depth=20 "
          "--run=$WANDB_RUN");
  EXPECT_EQ(launch.starter, Starter::kTorchrun);
  EXPECT_EQ(launch.world_size, 8);
  EXPECT_EQ(launch.program, "scripts.base_train");
  EXPECT_TRUE(launch.is_module);
  EXPECT_EQ(launch.stage, Stage::kBase);
  EXPECT_EQ(launch.flags.depth, 20);
  EXPECT_EQ(launch.flags.world_size, 8);
  EXPECT_EQ(launch.flags.launcher, nanochat::Launcher::kTorchrun);
  EXPECT_FALSE(launch.flags.device_batch_size.has_value());
  EXPECT_THAT(launch.uses, SizeIs(2));
  ASSERT_NE(launch.Find("run"), nullptr);
  EXPECT_FALSE(launch.Find("run")->value->text.has_value());
}

TEST(ReadLaunches, TakesBothSpellingsAndBothForms) {
  for (const char* flag :
       {"--device-batch-size=4", "--device_batch_size=4", "--device-batch-size 4",
        "--device_batch_size 4", "--device-batch-size '4'", "'--device-batch-size=4'",
        "\"--device_batch_size\"=4"}) {
    const Launch launch = One(std::string("python -m scripts.base_train --depth 12 ") + flag);
    EXPECT_EQ(launch.flags.device_batch_size, 4) << flag;
    EXPECT_EQ(launch.flags.depth, 12) << flag;
  }
}

TEST(ReadLaunches, FlagsThatStandAloneTakeNoValue) {
  const Launch launch = One("python -m scripts.base_train --fp8 --depth=12");
  EXPECT_EQ(launch.flags.fp8, true);
  EXPECT_EQ(launch.flags.depth, 12);
}

TEST(ReadLaunches, TheLastOfTwoCounts) {
  const Launch launch = One("python -m scripts.base_train --depth=12 --depth=16");
  EXPECT_EQ(launch.flags.depth, 16);
  EXPECT_EQ(launch.Find("depth")->value->text, "16");
}

TEST(ReadLaunches, NegativeNumbersAreValues) {
  const Launch launch = One("python -m scripts.base_train --core-metric-every -1 --save-every=-1");
  EXPECT_EQ(launch.flags.core_metric_every, -1);
  EXPECT_EQ(launch.flags.save_every, -1);
}

TEST(ReadLaunches, KnowsEveryStage) {
  EXPECT_EQ(One("python -m scripts.mid_train").stage, Stage::kMid);
  EXPECT_EQ(One("python -m scripts.chat_sft").stage, Stage::kSft);
  EXPECT_EQ(One("python -m scripts.chat_rl").stage, Stage::kRl);
  EXPECT_EQ(One("python -m scripts.base_eval").stage, Stage::kBaseEval);
  EXPECT_EQ(One("python -m scripts.base_loss").stage, Stage::kBaseEval);
  EXPECT_EQ(One("python -m scripts.chat_eval -i sft").stage, Stage::kChatEval);
  EXPECT_EQ(One("python scripts/base_train.py").stage, Stage::kBase);
  EXPECT_EQ(One("torchrun --nproc_per_node=8 base_train.py").stage, Stage::kBase);
  EXPECT_EQ(One("python /root/nanochat/scripts/chat_rl.py").stage, Stage::kRl);
  EXPECT_FALSE(One("python -m scripts.tok_train").stage.has_value());
  EXPECT_FALSE(One("python other/base_train.py").stage.has_value());
}

TEST(ReadLaunches, ReadsShortFlagsOfChatEval) {
  const Launch launch = One("python -m scripts.chat_eval -i sft -a GSM8K -b 4 -m256");
  EXPECT_EQ(launch.flags.device_batch_size, 4);
  EXPECT_EQ(launch.flags.max_new_tokens, 256);
  EXPECT_EQ(launch.flags.others.at("source"), "sft");
}

struct WrappedCase {
  const char* text;
  Starter starter;
  std::optional<int64_t> world_size;
};
class Wrapped : public ::testing::TestWithParam<WrappedCase> {};

TEST_P(Wrapped, IsRecognised) {
  const Launch launch = One(GetParam().text);
  EXPECT_EQ(launch.starter, GetParam().starter) << GetParam().text;
  EXPECT_EQ(launch.world_size, GetParam().world_size) << GetParam().text;
  EXPECT_EQ(launch.stage, Stage::kBase) << GetParam().text;
  EXPECT_EQ(launch.flags.depth, 12) << GetParam().text;
}

constexpr auto kNone = std::nullopt;
INSTANTIATE_TEST_SUITE_P(
    Commands, Wrapped,
    ::testing::Values(
        WrappedCase{"python3.10 -u -m scripts.base_train --depth=12", Starter::kPython, 1},
        WrappedCase{".venv/bin/python -X dev -W ignore -m scripts.base_train --depth=12",
                    Starter::kPython, 1},
        WrappedCase{"CUDA_VISIBLE_DEVICES=0,1 OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m "
                    "scripts.base_train --depth=12",
                    Starter::kTorchrun, 2},
        WrappedCase{"torchrun --nnodes=2 --nproc_per_node=8 --rdzv_backend c10d --rdzv_endpoint "
                    "host:29500 -m scripts.base_train -- --depth=12",
                    Starter::kTorchrun, 16},
        WrappedCase{"torchrun --nproc_per_node=gpu -m scripts.base_train -- --depth=12",
                    Starter::kTorchrun, kNone},
        WrappedCase{"torchrun --nnodes=1:4 --nproc_per_node=8 -m scripts.base_train --depth=12",
                    Starter::kTorchrun, kNone},
        WrappedCase{"python -m torch.distributed.run --nproc_per_node=4 -m scripts.base_train "
                    "--depth=12",
                    Starter::kTorchrun, 4},
        WrappedCase{"python -m torch.distributed.launch --nproc_per_node 4 --use_env "
                    "scripts/base_train.py --depth=12",
                    Starter::kTorchrun, 4},
        WrappedCase{"uv run python -m scripts.base_train --depth=12", Starter::kPython, 1},
        WrappedCase{"uv run --extra gpu -m scripts.base_train --depth=12", Starter::kPython, 1},
        WrappedCase{"uv run scripts/base_train.py --depth=12", Starter::kPython, 1},
        WrappedCase{"uv run torchrun --nproc_per_node=2 -m scripts.base_train --depth=12",
                    Starter::kTorchrun, 2},
        WrappedCase{"accelerate launch --multi_gpu --num_processes 4 --mixed_precision bf16 -m "
                    "scripts.base_train --depth=12",
                    Starter::kAccelerate, 4},
        WrappedCase{"accelerate launch -m scripts.base_train --depth=12", Starter::kAccelerate,
                    kNone},
        WrappedCase{"deepspeed --num_gpus=2 scripts/base_train.py --depth=12", Starter::kDeepspeed,
                    2},
        WrappedCase{"srun --ntasks=8 --gpus-per-task=1 python -m scripts.base_train --depth=12",
                    Starter::kSrun, 8},
        WrappedCase{"srun -N 2 torchrun --nnodes 2 --nproc_per_node 4 -m scripts.base_train "
                    "--depth=12",
                    Starter::kTorchrun, 8},
        WrappedCase{"mpirun -np 4 python -m scripts.base_train --depth=12", Starter::kMpi, 4},
        WrappedCase{"nohup torchrun --nproc_per_node=8 -m scripts.base_train --depth=12 > log 2>&1 "
                    "&",
                    Starter::kTorchrun, 8},
        WrappedCase{"time nice -n 5 env -u X WANDB_MODE=offline python -m scripts.base_train "
                    "--depth=12",
                    Starter::kPython, 1},
        WrappedCase{"screen -L -Logfile run.log -S run python -m scripts.base_train --depth=12",
                    Starter::kPython, 1},
        WrappedCase{"screen -dmS run bash -c 'python -m scripts.base_train --depth=12'",
                    Starter::kPython, 1},
        WrappedCase{"tmux new-session -d -s run \"python -m scripts.base_train --depth=12\"",
                    Starter::kPython, 1},
        WrappedCase{"conda run -n nano --no-capture-output python -m scripts.base_train --depth=12",
                    Starter::kPython, 1},
        WrappedCase{"docker run --rm --gpus all -v $PWD:/w image python -m scripts.base_train "
                    "--depth=12",
                    Starter::kPython, 1},
        WrappedCase{"bash -lc \"cd nanochat && torchrun --nproc_per_node=8 -m scripts.base_train "
                    "-- --depth=12\"",
                    Starter::kTorchrun, 8}));

TEST(ReadLaunches, ListsALaunchScriptInOrder) {
  const std::string text =
      "#!/bin/bash\n"
      "export OMP_NUM_THREADS=1\n"
      "if [ -z \"$WANDB_RUN\" ]; then\n"
      "    WANDB_RUN=dummy\n"
      "fi\n"
      "curl -L https://example.invalid/x | sh -s -- -y\n"
      "python -m nanochat.dataset -n 240 &\n"
      "PID=$!\n"
      "python -m scripts.tok_train --max_chars=2000000000\n"
      "wait $PID\n"
      "NPROC_PER_NODE=4\n"
      "# torchrun --nproc_per_node=8 -m scripts.chat_rl\n"
      "torchrun --standalone --nproc_per_node=$NPROC_PER_NODE -m scripts.base_train -- --depth=20 "
      "--run=$WANDB_RUN\n"
      "torchrun --standalone --nproc_per_node=$NPROC_PER_NODE -m scripts.base_loss\n"
      "torchrun --standalone --nproc_per_node=$NPROC_PER_NODE -m scripts.mid_train -- "
      "--device_batch_size=8 --run=$WANDB_RUN\n"
      "torchrun --standalone --nproc_per_node=$NPROC_PER_NODE -m scripts.chat_eval -- -i mid\n";
  const LaunchScript script = ReadLaunches(text);
  std::vector<std::string> programs;
  std::vector<size_t> lines;
  for (const Launch& launch : script.launches) {
    programs.push_back(launch.program);
    lines.push_back(launch.line);
  }
  EXPECT_THAT(programs, ElementsAre("nanochat.dataset", "scripts.tok_train", "scripts.base_train",
                                    "scripts.base_loss", "scripts.mid_train", "scripts.chat_eval"));
  EXPECT_THAT(lines, ElementsAre(7, 9, 13, 14, 15, 16));
  EXPECT_EQ(script.launches[2].world_size, 4);
  EXPECT_EQ(script.launches[2].Find("run")->value->text, "dummy");
  EXPECT_EQ(script.launches[4].flags.device_batch_size, 8);
  EXPECT_NE(script.launches[2].FindEnvironment("OMP_NUM_THREADS"), nullptr);
}

TEST(ReadLaunches, ReadsASweepOverDepths) {
  const std::string text =
      "DEPTHS=(12 16 26)\n"
      "NPROC_PER_NODE=\"${NPROC_PER_NODE:-8}\"\n"
      "for d in \"${DEPTHS[@]}\"; do\n"
      "    if [ $d -ge 20 ]; then\n"
      "        BATCH_ARG=\"--device-batch-size=16\"\n"
      "    else\n"
      "        BATCH_ARG=\"--device-batch-size=32\"\n"
      "    fi\n"
      "    torchrun --standalone --nproc_per_node=$NPROC_PER_NODE -m scripts.base_train -- \\\n"
      "        --depth=$d \\\n"
      "        --run=\"${WANDB_RUN}_d${d}\" \\\n"
      "        --save-every=-1 \\\n"
      "        $BATCH_ARG \\\n"
      "        2>&1 | tee \"$RESULTS/train.log\"\n"
      "done\n";
  const Launch launch = One(text);
  EXPECT_EQ(launch.world_size, 8);
  EXPECT_EQ(launch.flags.depth, 26);
  EXPECT_EQ(launch.flags.save_every, -1);
  ASSERT_NE(launch.Find("device-batch-size"), nullptr);
  EXPECT_EQ(launch.Find("device-batch-size")->through, "BATCH_ARG");
  EXPECT_THAT(launch.Find("device-batch-size")->value->candidates, ElementsAre("16", "32"));
  EXPECT_FALSE(launch.flags.device_batch_size.has_value());
  EXPECT_THAT(launch.notes, ::testing::Contains(HasSubstr("the largest is taken")));
}

TEST(ReadLaunches, FindsFlagsInsideVariables) {
  const Launch launch =
      One("ARGS=\"--depth=12 --device-batch-size=4\"\npython -m scripts.base_train $ARGS\n");
  EXPECT_EQ(launch.flags.depth, 12);
  EXPECT_EQ(launch.flags.device_batch_size, 4);
  EXPECT_EQ(launch.Find("depth")->through, "ARGS");
}

TEST(ReadLaunches, NamesConfigurationFiles) {
  const Launch launch = One("python -m scripts.base_train config/small.py --depth=12");
  EXPECT_THAT(launch.config_files, ElementsAre("config/small.py"));
  EXPECT_EQ(launch.flags.depth, 12);
}

TEST(ReadLaunches, ReadsTheComputeDtypeFromTheEnvironment) {
  EXPECT_EQ(One("NANOCHAT_DTYPE=float32 python -m scripts.base_train").flags.dtype,
            nanochat::Dtype::kFp32);
  EXPECT_EQ(One("export NANOCHAT_DTYPE=float16\npython -m scripts.base_train").flags.dtype,
            nanochat::Dtype::kFp16);
}

TEST(ReadLaunches, KeepsOtherProgramsWithTheirBatchFlags) {
  const Launch launch =
      One("accelerate launch --num_processes=2 train.py --model_name_or_path x/y "
          "--per_device_train_batch_size 8 --gradient_accumulation_steps=4 --bf16 --max_seq_length "
          "4096");
  EXPECT_FALSE(launch.is_nanochat());
  ASSERT_NE(launch.FindRole(Role::kDeviceBatch), nullptr);
  EXPECT_EQ(launch.FindRole(Role::kDeviceBatch)->value->text, "8");
  EXPECT_EQ(launch.FindRole(Role::kGradAccum)->value->text, "4");
  EXPECT_EQ(launch.FindRole(Role::kSequenceLength)->value->text, "4096");
}

TEST(ReadLaunches, ReadsHydraOverrides) {
  const Launch launch = One("python train.py trainer.batch_size=8 model=gpt2");
  ASSERT_NE(launch.FindRole(Role::kDeviceBatch), nullptr);
  EXPECT_EQ(launch.FindRole(Role::kDeviceBatch)->value->text, "8");
}

TEST(ReadLaunches, NamesScriptsThatAreRun) {
  EXPECT_THAT(ReadLaunches("WANDB_RUN=d26 bash runs/speedrun.sh").scripts,
              ElementsAre("runs/speedrun.sh"));
  EXPECT_THAT(ReadLaunches("screen -L -Logfile a.log -S a bash speedrun.sh").scripts,
              ElementsAre("speedrun.sh"));
  EXPECT_THAT(ReadLaunches("./run1000.sh").scripts, ElementsAre("./run1000.sh"));
}

TEST(ReadLaunches, FindsNothingWhereNothingStarts) {
  for (const char* text : {"", "ls -l", "echo python train.py", "python -c 'print(1)'", "python",
                           "torchrun", "accelerate config", "bash", "uv sync --extra gpu",
                           "source .venv/bin/activate", "python -m"}) {
    EXPECT_THAT(ReadLaunches(std::string(text)).launches, IsEmpty()) << text;
  }
}

TEST(ReadLaunches, QuotesArgumentsFirst) {
  const std::vector<std::string> argv = {
      "torchrun", "--nproc_per_node=2", "-m",          "scripts.base_train",
      "--",       "--depth=12",         "--run=my run"};
  const LaunchScript script = ReadLaunches(argv);
  EXPECT_EQ(script.script.text,
            "torchrun --nproc_per_node=2 -m scripts.base_train -- --depth=12 '--run=my run'");
  ASSERT_THAT(script.launches, SizeIs(1));
  EXPECT_EQ(script.launches[0].Find("run")->value->text, "my run");
}

}  // namespace
}  // namespace vramcast::command
