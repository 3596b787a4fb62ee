#include "diagnosis/remedies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "diagnosis/case_for_test.h"
#include "diagnosis/rules.h"

namespace vramcast::diagnosis {
namespace {

using namespace literals;
using crashlog::OomEvent;
using crashlog::Pattern;
using crashlog::Wording;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<Remedy> RemediesFor(const CaseForTest& made, const Job* job = nullptr) {
  const Case c = *made;
  return Recommend(c, FindCauses(c, job), job);
}

auto Command(const char* text) { return Contains(Field(&Remedy::command, HasSubstr(text))); }
auto Action(const char* text) { return Contains(Field(&Remedy::action, HasSubstr(text))); }

// A launch without a forecast: only the editing of the command is at stake here.
Job JobFor(const std::string& text) {
  Job job;
  job.script = command::ReadLaunches(text);
  job.revision = nanochat::HeadRevision();
  return job;
}

OomEvent FragmentedEvent() {
  OomEvent event = FullCardEvent();
  event.allocated = 17_GiB;
  event.reserved_unallocated = 5_GiB;
  event.requested = 2_GiB;
  return event;
}

TEST(Remedies, ANanochatLaunchGetsHalfTheBatchAndKeepsEverythingElse) {
  const Job job = JobFor(
      "torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- --depth=20 "
      "--device-batch-size=32 --run=$WANDB_RUN");
  const auto remedies = RemediesFor(CaseForTest(FullCardEvent()), &job);
  ASSERT_FALSE(remedies.empty());
  EXPECT_EQ(remedies[0].command,
            "torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- --depth=20 "
            "--device-batch-size=16 --run=$WANDB_RUN");
  EXPECT_THAT(remedies, Not(Command("expandable_segments")));
  EXPECT_THAT(remedies, Not(Command("gradient_checkpointing")));
}

TEST(Remedies, AnotherTrainerGetsHalfTheBatchAndTwiceTheAccumulation) {
  const Job job = JobFor(
      "accelerate launch train.py --per_device_train_batch_size 8 --gradient_accumulation_steps 4");
  EXPECT_EQ(RemediesFor(CaseForTest(FullCardEvent()), &job)[0].command,
            "accelerate launch train.py --per_device_train_batch_size 4 "
            "--gradient_accumulation_steps 8");
}

TEST(Remedies, WhatDiesWhileLoadingIsNotToldToUseASmallerBatch) {
  OomEvent event = FullCardEvent();
  event.phase = Phase::kModelInit;
  event.pattern = Pattern::kStart;
  const auto remedies = RemediesFor(CaseForTest(event));
  EXPECT_THAT(remedies, Action("the batch size does not matter"));
  EXPECT_THAT(remedies, Not(Action("halve the batch")));
}

TEST(Remedies, ExpandableSegmentsGoByTheNameThatTheVersionReads) {
  OomEvent event = FragmentedEvent();
  EXPECT_THAT(RemediesFor(CaseForTest(event)),
              Command("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"));
  event.evidence += " try setting PYTORCH_ALLOC_CONF=expandable_segments:True to avoid";
  EXPECT_THAT(RemediesFor(CaseForTest(event)),
              Command("export PYTORCH_ALLOC_CONF=expandable_segments:True"));
}

// PyTorch 2.9 does not read the name that nanochat has used since December 2025.
TEST(Remedies, NanochatsOwnSettingCountsOnlyWhereThisPyTorchReadsIt) {
  Job job = JobFor("python -m scripts.base_train --depth=20");
  const auto revision = [](const char* name) { return nanochat::FindRevision(name).value(); };
  job.revision = revision("mar2026");
  EXPECT_THAT(RemediesFor(CaseForTest(FragmentedEvent()), &job),
              Command("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True python -m "
                      "scripts.base_train --depth=20"));
  job.revision = revision("oct2025");
  EXPECT_THAT(RemediesFor(CaseForTest(FragmentedEvent()), &job),
              Not(Command("expandable_segments")));
  job.revision = revision("mar2026");
  OomEvent later = FragmentedEvent();
  later.evidence += " try setting PYTORCH_ALLOC_CONF=expandable_segments:True to avoid";
  EXPECT_THAT(RemediesFor(CaseForTest(later), &job), Not(Command("expandable_segments")));
}

TEST(Remedies, ExpandableSegmentsAreNotOfferedWhereTheyAreOn) {
  crashlog::LogReport report;
  report.allocator_settings = {"PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"};
  EXPECT_THAT(RemediesFor(CaseForTest(FragmentedEvent(), {}, report)),
              Not(Command("expandable_segments")));
}

TEST(Remedies, AVersionBeforeExpandableSegmentsGetsWhatItHas) {
  OomEvent event = FragmentedEvent();
  event.process_in_use.reset();
  event.reserved = 22_GiB + 500_MiB;
  event.reserved_unallocated.reset();
  event.version = "1.10-2.0";
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Command("max_split_size_mb"));
}

TEST(Remedies, ANeighbourIsNamedWithTheCommandThatEndsIt) {
  OomEvent event = FullCardEvent();
  event.allocated = 12_GiB;
  event.process_in_use = 12_GiB + 500_MiB;
  event.other_processes = {{.pid = 4711, .bytes = 11_GiB}};
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Command("kill 4711"));
}

TEST(Remedies, ASiblingRankOnTheWrongCardIsRecognised) {
  OomEvent event = FullCardEvent();
  event.allocated = 12_GiB;
  event.process_in_use = 12_GiB + 500_MiB;
  event.other_processes = {{.pid = 4711, .bytes = 11_GiB}};
  EXPECT_THAT(RemediesFor(CaseForTest(event, {"[launch.py:319] Killing subprocess 4711"})),
              Command("LOCAL_RANK"));
}

TEST(Remedies, GrowthIsProvedWithASnapshotAndTheLineIsSuspected) {
  OomEvent event = FullCardEvent();
  event.pattern = Pattern::kGradual;
  event.step = 5000;
  event.frames = {
      {.file = "train.py", .line = 80, .function = "main", .code = "total_loss += loss"}};
  crashlog::LogReport report;
  for (int i = 0; i < 8; ++i) {
    report.memory.push_back({.source = "max_mem", .bytes = (10 + i) * 1_GiB});
  }
  const auto remedies = RemediesFor(CaseForTest(event, {}, report));
  EXPECT_THAT(remedies, Command("_record_memory_history"));
  EXPECT_THAT(remedies, Command("vramcast snapshot"));
  EXPECT_THAT(remedies, Action("loss.item()"));
}

TEST(Remedies, EvaluationThatKeepsAGraphIsToldSo) {
  OomEvent event = FullCardEvent();
  event.pattern = Pattern::kEvaluation;
  event.phase = Phase::kEvaluation;
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Command("inference_mode"));
  event.frames = {{.file = "torch/utils/_contextlib.py",
                   .line = 120,
                   .function = "decorate_context",
                   .code = "return func(*args, **kwargs)"}};
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Not(Command("inference_mode")));
}

TEST(Remedies, NanochatsCoreMetricHasNoBatchFlagSoItIsDoneWithout) {
  OomEvent event = FullCardEvent();
  event.pattern = Pattern::kEvaluation;
  event.phase = Phase::kCoreMetric;
  const Job job = JobFor("python -m scripts.base_train --depth=12 --device-batch-size=8");
  EXPECT_THAT(RemediesFor(CaseForTest(event), &job), Command("--core-metric-every=-1"));
}

TEST(Remedies, ServersGetTheirOwnFlags) {
  OomEvent event = FullCardEvent();
  event.framework = crashlog::Framework::kVllm;
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Command("--max-model-len"));
  event.framework = crashlog::Framework::kLlamaCpp;
  event.wording = Wording::kLlamaCpp;
  event.total.reset();
  event.requested = 12_GiB;
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Command("-ngl"));
}

TEST(Remedies, HostMemoryIsAnsweredByItsMechanism) {
  OomEvent event;
  event.wording = Wording::kBusError;
  event.evidence = "RuntimeError: DataLoader worker (pid 9) is killed by signal: Bus error.";
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Command("/dev/shm"));
  event.wording = Wording::kSlurm;
  event.evidence = "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0";
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Command("--mem="));
  event.wording = Wording::kPinnedMemory;
  event.evidence = "RuntimeError: Caught RuntimeError in pin memory thread for device 0.";
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Command("pin_memory=False"));
}

TEST(Remedies, ALookAlikeIsToldHowToFindTheTrueError) {
  OomEvent event;
  event.wording = Wording::kIllegalAccess;
  event.evidence = "CUDA error: an illegal memory access was encountered";
  EXPECT_THAT(RemediesFor(CaseForTest(event)), Command("CUDA_LAUNCH_BLOCKING=1"));
}

TEST(Remedies, EveryGpuDeathHasSomethingToDo) {
  for (size_t i = 0; i < crashlog::kWordingCount; ++i) {
    OomEvent event;
    event.wording = static_cast<Wording>(i);
    event.is_vram_oom = crashlog::MemoryOf(event.wording) == crashlog::Memory::kGpu;
    EXPECT_FALSE(RemediesFor(CaseForTest(event)).empty()) << crashlog::WordingName(event.wording);
  }
}

}  // namespace
}  // namespace vramcast::diagnosis
