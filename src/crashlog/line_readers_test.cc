#include <gtest/gtest.h>

#include "crashlog/command_line.h"
#include "crashlog/memory_line.h"
#include "crashlog/nanochat_line.h"
#include "crashlog/progress_line.h"

namespace vramcast::crashlog {
namespace {

TEST(ProgressOf, ReadsManyPrograms) {
  struct Case {
    const char* line;
    int64_t step, finished, total;
    Progress::Of of;
  };
  using Of = Progress::Of;
  for (const Case& c : {
           Case{"step 00012/41201 (0.03%) | loss: 9.9 | dt: 14ms", 12, 13, 41201, Of::kTraining},
           Case{"Step 00250 | Validation bpb: 1.2", 250, 250, -1, Of::kTraining},
           Case{" 11%|###      | 3/27 [01:52<14:28, 36.19s/it]", 3, 3, 27, Of::kTraining},
           Case{"Epoch 0:   0%|    | 0/5 [00:00<?, ?it/s]", 0, 0, 5, Of::kTraining},
           Case{"Loading checkpoint shards:  50%|##  | 1/2 [00:01<00:01]", 1, 1, 2, Of::kLoading},
           Case{"Validation:  50%|##  | 10/20 [00:01<00:01]", 10, 10, 20, Of::kEvaluation},
           Case{"Epoch [3/10], Step [120/500], Loss: 0.4", 120, 121, 500, Of::kTraining},
           Case{"Epoch [1][50/1000]  lr: 0.1, memory: 9385, loss: 1.0", 50, 50, 1000,
                Of::kTraining},
           Case{"* Episode: 1129\tAverage Score: 6.15", 1129, 1130, -1, Of::kTraining},
           Case{"iter 300: loss 2.1, time 12ms", 300, 301, -1, Of::kTraining},
           Case{"{'loss': 2.1, 'global_step/max_steps': '4/27'}", 4, 4, 27, Of::kTraining},
       }) {
    const auto progress = ProgressOf(c.line);
    ASSERT_TRUE(progress) << c.line;
    EXPECT_EQ(progress->step, c.step) << c.line;
    EXPECT_EQ(progress->finished, c.finished) << c.line;
    EXPECT_EQ(progress->total.value_or(-1), c.total) << c.line;
    EXPECT_EQ(progress->of, c.of) << c.line;
  }
  for (const char* line :
       {"Total batch size 524,288 => gradient accumulation steps: 256", "max_steps: 1000",
        "Loading model from /x with step 20", "for step in range(10):", "gpu 0"}) {
    EXPECT_FALSE(ProgressOf(line)) << line;
  }
}

TEST(MemoryOfLine, ReadsManyPrograms) {
  struct Case {
    const char* line;
    const char* source;
    double gib;
  };
  for (const Case& c :
       {Case{"|  45%  60C  P2  300W / 350W |  23552MiB / 24576MiB |", "nvidia-smi", 23},
        Case{"Peak memory usage: 75776.00MiB", "peak memory usage", 74},
        Case{"{'loss': 1, 'memory(GiB)': 61.5}", "memory", 61.5},
        Case{"iter: 19  max_mem: 1024M", "max_mem", 1},
        Case{"after step - now allocated: 6.5 GiB, delta: 0.0 MiB", "now allocated", 6.5},
        Case{"Epoch [1][50/1000] memory: 9216, loss: 1.0", "memory", 9}}) {
    const auto sample = MemoryOfLine(c.line);
    ASSERT_TRUE(sample) << c.line;
    EXPECT_EQ(sample->source, c.source);
    EXPECT_NEAR(sample->bytes.gib(), c.gib, 1e-6) << c.line;
  }
  EXPECT_FALSE(MemoryOfLine("CUDA out of memory. Tried to allocate 2.00 GiB"));
  EXPECT_FALSE(MemoryOfLine("memory efficient attention 4"));
}

TEST(CommandOf, ReadsPromptsAndTraces) {
  EXPECT_EQ(CommandOf("$ python train.py --a 1"), "python train.py --a 1");
  EXPECT_EQ(CommandOf("root@c6f7:/workspace# CUDA_VISIBLE_DEVICES=1 torchrun -m a.b -- --d=2"),
            "CUDA_VISIBLE_DEVICES=1 torchrun -m a.b -- --d=2");
  EXPECT_EQ(CommandOf("!python -u run.py"), "python -u run.py");
  EXPECT_EQ(CommandOf("A=\"b c\" uv run python3.11 -m scripts.base_train"),
            "A=\"b c\" uv run python3.11 -m scripts.base_train");
  EXPECT_EQ(CommandOf("Running command: bash runs/speedrun.sh"), "bash runs/speedrun.sh");
  EXPECT_EQ(CommandOf("  File \"/usr/bin/python/x.py\", line 3, in main"), std::nullopt);
  EXPECT_EQ(CommandOf("python is a language"), std::nullopt);
}

TEST(ReadSettings, ReadsConfigurationsInEveryForm) {
  LogReport report;
  for (const char* line :
       {"\tdepth: 27", "  \"n_embd\": 1280,", "{'sequence_len': 1600, 'vocab_size': 65537}",
        "Overriding: device_batch_size = 16", "Distributed world size: 8",
        "  \"window_pattern\": \"SSSL\",", "COMPUTE_DTYPE: torch.bfloat16 (auto)",
        "- Commit: 1a2b3c4 (clean)", "export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
        "PyTorch version: 2.9.1+cu128"}) {
    ReadSettings(line, false, report);
  }
  const NanochatFacts& n = report.nanochat;
  EXPECT_EQ(n.depth, 27);
  EXPECT_EQ(n.model_dim, 1280);
  EXPECT_EQ(n.max_seq_len, 1600);
  EXPECT_EQ(n.vocab_size, 65537);
  EXPECT_EQ(n.device_batch_size, 16);
  EXPECT_EQ(n.world_size, 8);
  EXPECT_EQ(n.window_pattern, "SSSL");
  EXPECT_EQ(n.compute_dtype, "bfloat16");
  EXPECT_EQ(n.commit, "1a2b3c4");
  EXPECT_EQ(report.torch_version, "2.9.1+cu128");
  ASSERT_EQ(report.allocator_settings.size(), 1U);
  EXPECT_EQ(report.allocator_settings[0], "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True");
  ReadSettings("depth: 3", true, report);
  EXPECT_EQ(n.depth, 27);
  ReadSettings("try setting PYTORCH_ALLOC_CONF=expandable_segments:True to", false, report);
  EXPECT_EQ(report.allocator_settings.size(), 1U);
}

TEST(ReadSettings, EachPeakKeepsWhatHadBeenSaidByThen) {
  LogReport report;
  for (const char* line :
       {"- DDP world size: 8", "## Base model training", "- depth: 20", "- device_batch_size: 32",
        "- Peak memory usage: 75422.02MiB", "## Midtraining", "- device_batch_size: 16",
        "Peak memory usage: 60000.50MiB"}) {
    ReadSettings(line, false, report);
  }
  ASSERT_EQ(report.peaks.size(), 2U);
  EXPECT_EQ(report.peaks[0].facts.script, "scripts.base_train");
  EXPECT_EQ(report.peaks[0].facts.device_batch_size, 32);
  EXPECT_EQ(report.peaks[0].facts.world_size, 8);
  EXPECT_NEAR(report.peaks[0].bytes.mib(), 75422.02, 0.001);
  EXPECT_EQ(report.peaks[1].facts.script, "scripts.mid_train");
  EXPECT_EQ(report.peaks[1].facts.device_batch_size, 16);
  EXPECT_EQ(report.peaks[1].facts.depth, 20);
  EXPECT_NEAR(report.nanochat.peak_memory->mib(), 75422.02, 0.001);
}

}  // namespace
}  // namespace vramcast::crashlog
