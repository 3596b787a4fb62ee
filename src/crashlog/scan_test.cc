#include "crashlog/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "crashlog/fixtures_for_test.h"

namespace vramcast::crashlog {
namespace {

using testing::ElementsAre;

std::string Message(const std::string& device, const std::string& allocated) {
  return "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.00 GiB. GPU " + device +
         " has a total capacity of 23.50 GiB of which 512.00 MiB is free. Of the allocated "
         "memory " +
         allocated +
         " GiB is allocated by PyTorch, and 100.00 MiB is reserved by PyTorch but "
         "unallocated.\n";
}

TEST(Scan, EmptyAndBinaryInput) {
  EXPECT_TRUE(ScanText("").events.empty());
  EXPECT_EQ(ScanText("").oom(), nullptr);
  const LogReport zeros = ScanText(std::string(5 << 20, '\0'));
  EXPECT_TRUE(zeros.events.empty());
  EXPECT_TRUE(zeros.looks_binary);
  EXPECT_EQ(zeros.bytes, 5U << 20);
  EXPECT_EQ(ScanText(std::string(1 << 20, '\xff') + "\n").lines, 1U);
}

TEST(Scan, ADeathIsToldOnce) {
  const std::string one = "[rank0]: " + Message("0", "21.00");
  const LogReport twice = ScanText(one + one);
  ASSERT_EQ(twice.events.size(), 1U);
  EXPECT_EQ(twice.events[0].repeats, 1);
  EXPECT_EQ(twice.events[0].rank, 0);
}

TEST(Scan, EveryRankDiesItsOwnDeath) {
  const LogReport report =
      ScanText("[rank3]: " + Message("3", "21.00") + "[rank1]: " + Message("1", "21.00") +
               "[rank3]: " + Message("3", "21.00"));
  ASSERT_EQ(report.events.size(), 2U);
  EXPECT_EQ(report.events[0].rank, 3);
  EXPECT_EQ(report.events[1].rank, 1);
  EXPECT_EQ(report.oom(), &report.events[0]);
}

TEST(Scan, RunsWithOtherNumbersAreOtherDeaths) {
  EXPECT_EQ(ScanText(Message("0", "21.00") + "again\n" + Message("0", "20.00")).events.size(), 2U);
}

TEST(Scan, InterleavedRanksKeepTheirWords) {
  const LogReport report = ScanText(
      "[rank0]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.00 GiB. GPU 0 has "
      "a\n"
      "[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.00 GiB. GPU 1 has "
      "a\n"
      "[rank0]:  total capacity of 10.00 GiB of which 5.00 MiB is free.\n"
      "[rank1]:  total capacity of 20.00 GiB of which 7.00 MiB is free.\n");
  ASSERT_EQ(report.events.size(), 2U);
  EXPECT_EQ(report.events[0].total, Bytes(10LL << 30));
  EXPECT_EQ(report.events[1].total, Bytes(20LL << 30));
  EXPECT_EQ(report.events[1].free, Bytes(7 << 20));
}

TEST(Scan, FramesBelongToTheirMessage) {
  const LogReport report = ScanText(
      "step 00003/00100 (3.00%) | loss: 9.1 | dt: 10ms\n"
      "Traceback (most recent call last):\n"
      "  File \"/n/scripts/base_train.py\", line 300, in <module>\n"
      "    loss.backward()\n"
      "  File \"/p/torch/_tensor.py\", line 625, in backward\n"
      "    torch.autograd.backward(\n" +
      Message("0", "21.00"));
  ASSERT_EQ(report.events.size(), 1U);
  const OomEvent& e = report.events[0];
  ASSERT_EQ(e.frames.size(), 2U);
  EXPECT_EQ(e.frames[0].code, "loss.backward()");
  EXPECT_EQ(e.frames[1].function, "backward");
  EXPECT_TRUE(e.in_backward);
  EXPECT_EQ(e.phase, Phase::kTrainStep);
  EXPECT_EQ(e.pattern, Pattern::kGradual);
  EXPECT_EQ(e.step, 3);
}

TEST(Scan, FramesMayFollowTheMessage) {
  const LogReport report = ScanText(Message("0", "21.00") +
                                    "File \"/p/torch/optim/adamw.py\", line 9, in step\n  x()\n");
  EXPECT_EQ(report.events.at(0).phase, Phase::kFirstOptimizerStep);
}

TEST(Scan, SettingsStepsAndCommandsAreRead) {
  const LogReport report = ScanText(
      "user@box:~/nanochat$ torchrun --standalone --nproc_per_node=2 -m scripts.base_train -- \\\n"
      "    --depth=20\n"
      "GPU: NVIDIA H100 80GB HBM3 | Peak FLOPS (BF16): 9.89e+14\n"
      "Vocab size: 65,536\nnum_layers: 20\nmodel_dim: 1280\n"
      "Number of parameters: 560,988,160\n"
      "Tokens / micro-batch / rank: 32 x 2048 = 65,536\n"
      "Total batch size 524,288 => gradient accumulation steps: 4\n"
      "step 00000/21400 (0.00%) | loss: 11.090355 | dt: 900.00ms\n"
      "Peak memory usage: 75422.02MiB\n");
  EXPECT_TRUE(report.events.empty());
  ASSERT_EQ(report.commands.size(), 1U);
  EXPECT_EQ(report.commands[0].text,
            "torchrun --standalone --nproc_per_node=2 -m scripts.base_train -- \\\n    --depth=20");
  EXPECT_EQ(report.commands[0].place.line, 1U);
  EXPECT_EQ(report.nanochat.depth, 20);
  EXPECT_EQ(report.nanochat.vocab_size, 65536);
  EXPECT_EQ(report.nanochat.parameters, 560988160);
  EXPECT_EQ(report.nanochat.device_batch_size, 32);
  EXPECT_EQ(report.nanochat.max_seq_len, 2048);
  EXPECT_EQ(report.nanochat.total_batch_size, 524288);
  EXPECT_EQ(report.nanochat.grad_accum_steps, 4);
  EXPECT_EQ(report.gpu_name, "NVIDIA H100 80GB HBM3");
  ASSERT_TRUE(report.nanochat.peak_memory);
  EXPECT_NEAR(report.nanochat.peak_memory->mib(), 75422.02, 0.01);
  ASSERT_EQ(report.progress.size(), 1U);
  EXPECT_EQ(report.progress[0].total, 21400);
  EXPECT_EQ(report.progress[0].place.line, 10U);
}

TEST(Scan, AllOnOneLine) {
  std::string text(6 << 20, 'a');
  text += " " + Message("0", "21.00");
  const LogReport report = ScanText(text);
  ASSERT_EQ(report.events.size(), 1U);
  EXPECT_EQ(report.events[0].place.line, 1U);
  EXPECT_EQ(report.events[0].place.offset, (6U << 20) + 1);
  EXPECT_EQ(report.events[0].requested, Bytes(1 << 30));
}

TEST(Scan, EventsAreBounded) {
  std::string text;
  for (int i = 0; i < 1100; ++i) {
    text += "RuntimeError: CUDA out of memory. Tried to allocate " + std::to_string(i + 1) +
            ".00 MiB. GPU 0 has a total capacity of 9.00 GiB of which 1.00 MiB is free.\n";
  }
  const LogReport report = ScanText(text);
  EXPECT_EQ(report.events.size(), 1024U);
  EXPECT_EQ(report.events_dropped, 76U);
}

TEST(Scan, WhatCannotBeOpenedIsAnError) {
  const auto report = ScanFile("/no/such/file.log");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kUnreadable);
  EXPECT_FALSE(ScanFile("/"));
}

TEST(Scan, APeakInAReportBelongsToItsSection) {
  const LogReport report = ScanText(
      "- DDP world size: 8\n\n## Base model training\n- depth: 20\n"
      "- Peak memory usage: 44268.00MiB\n\n## Midtraining\n- Peak memory usage: 40000.00MiB\n");
  ASSERT_EQ(report.peaks.size(), 2U);
  EXPECT_EQ(report.peaks[0].facts.script, "scripts.base_train");
  EXPECT_EQ(report.peaks[0].place.line, 5U);
  EXPECT_EQ(report.peaks[1].facts.script, "scripts.mid_train");
}

}  // namespace
}  // namespace vramcast::crashlog
