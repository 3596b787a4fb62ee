#include "allocator/play.h"

#include <gmock/gmock.h>

namespace vramcast {
namespace {

using namespace literals;

TEST(Play, FindsThePeakOfEachPhaseAndWhatMadeIt) {
  TraceBuilder builder;
  builder.EnterPhase(Phase::kModelInit);
  builder.Alloc(40_MiB, Category::kParameters, "wte");
  builder.EnterPhase(Phase::kFirstForward);
  const AllocationId hidden = builder.Alloc(20_MiB, Category::kActivations, "hidden");
  const AllocationId logits = builder.Alloc(64_MiB, Category::kLogits, "logits");
  builder.Free(logits);
  builder.EnterPhase(Phase::kFirstBackward);
  builder.Free(hidden);
  builder.Alloc(40_MiB, Category::kGradients, "wte gradient");
  const auto run = Play(std::move(builder).Take(), {});

  EXPECT_EQ(run.peak.allocated, 124_MiB);
  EXPECT_EQ(run.peak.event, 2u);
  EXPECT_EQ(run.peak.reserved, 124_MiB);
  EXPECT_EQ(run.phases[static_cast<size_t>(Phase::kModelInit)]->allocated, 40_MiB);
  EXPECT_EQ(run.phases[static_cast<size_t>(Phase::kFirstForward)]->allocated, 124_MiB);
  EXPECT_EQ(run.phases[static_cast<size_t>(Phase::kFirstBackward)]->allocated, 80_MiB);
  EXPECT_FALSE(run.phases[static_cast<size_t>(Phase::kSave)].has_value());
  ASSERT_EQ(run.composition.by_label.size(), 3u);
  EXPECT_EQ(run.composition.by_label[0].bytes, 64_MiB);
  EXPECT_EQ(run.composition.by_category[static_cast<size_t>(Category::kParameters)], 40_MiB);
  EXPECT_EQ(run.allocated_at_end, 80_MiB);
  EXPECT_FALSE(run.oom.has_value());
}

TEST(Play, EndsWhereMemoryRunsOut) {
  TraceBuilder builder;
  builder.Alloc(60_MiB, Category::kParameters, "a");
  builder.Alloc(41_MiB, Category::kActivations, "b");
  builder.Alloc(1_MiB, Category::kActivations, "c");
  DeviceSpec device;
  device.total = 120_MiB;
  device.other_processes = 10_MiB;
  device.context = 10_MiB;
  const auto run = Play(std::move(builder).Take(), {}, device);
  ASSERT_TRUE(run.oom.has_value());
  EXPECT_EQ(run.oom->event, 1u);
  EXPECT_EQ(run.oom->requested, 41_MiB);
  EXPECT_EQ(run.oom->segment, 42_MiB);
  EXPECT_EQ(run.oom->device_free, 40_MiB);
  EXPECT_EQ(run.peak.allocated, 60_MiB);
  EXPECT_EQ(run.statistics.num_alloc_retries, 1);
}

TEST(Play, BeginsWithWhatARecordingFoundThere) {
  TraceBuilder builder;
  const AllocationId fresh = builder.Alloc(4_MiB, Category::kOther, "x");
  Trace trace = std::move(builder).Take();
  const AllocationId old{trace.allocation_count++};
  trace.events.push_back({.action = Action::kFreeCompleted, .allocation = old});
  StartSegment segment;
  segment.address = 0x7f0000000000;
  segment.size = 20_MiB;
  segment.blocks = {{16_MiB, 16_MiB, BlockState::kAllocated, old}, {4_MiB, 0_B, BlockState::kFree}};
  trace.start.push_back(segment);
  const auto run = Play(trace, {});
  EXPECT_EQ(run.peak.allocated, 20_MiB);
  EXPECT_EQ(run.peak.reserved, 20_MiB);
  EXPECT_EQ(run.allocated_at_end, 4_MiB);
  EXPECT_EQ(run.statistics.num_device_alloc, 0);
  EXPECT_EQ(fresh.value, 0u);
}

TEST(Play, ImpossibleRequestsAreRefused) {
  TraceBuilder builder;
  builder.Alloc(Bytes(int64_t{1} << 61), Category::kOther, "overflow");
  EXPECT_TRUE(Play(std::move(builder).Take(), {}).oom.has_value());
}

}  // namespace
}  // namespace vramcast
