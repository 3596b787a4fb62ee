#include "trace/trace.h"

#include <gtest/gtest.h>

namespace vramcast {
namespace {

using namespace literals;

TEST(TraceBuilder, RecordsWhatAndWhen) {
  TraceBuilder builder;
  builder.EnterPhase(Phase::kFirstForward);
  const AllocationId logits = builder.Alloc(8_MiB, Category::kLogits, "logits");
  builder.EnterPhase(Phase::kFirstBackward);
  builder.Free(logits);
  const Trace trace = std::move(builder).Take();

  ASSERT_EQ(trace.events.size(), 2u);
  EXPECT_EQ(trace.events[0].size, 8_MiB);
  EXPECT_EQ(trace.events[0].phase, Phase::kFirstForward);
  EXPECT_EQ(trace.labels[trace.events[0].label.value].name, "logits");
  EXPECT_EQ(trace.events[1].action, Action::kFreeCompleted);
  EXPECT_EQ(trace.events[1].allocation, logits);
  EXPECT_EQ(trace.events[1].phase, Phase::kFirstBackward);
}

TEST(TraceBuilder, OneNameInTwoCategoriesIsTwoLabels) {
  TraceBuilder builder;
  EXPECT_NE(builder.Intern(Category::kParameters, "wte"),
            builder.Intern(Category::kGradients, "wte"));
  EXPECT_EQ(builder.Intern(Category::kParameters, "wte"),
            builder.Intern(Category::kParameters, "wte"));
}

TEST(TraceBuilder, AnEmptyTensorMakesNoEvent) {
  TraceBuilder builder;
  builder.Free(builder.Alloc(0_B, Category::kOther, "empty"));
  EXPECT_TRUE(std::move(builder).Take().events.empty());
}

TEST(TraceBuilder, RepeatsARoundWithoutWhatWasMadeOnce) {
  TraceBuilder builder;
  builder.EnterPhase(Phase::kFirstForward);
  const LabelId label = builder.Intern(Category::kOther, "any");
  builder.Alloc(1_MiB, label);
  const TraceBuilder::Mark from = builder.mark();
  const AllocationId passing = builder.Alloc(2_MiB, label);
  builder.Alloc(3_MiB, label);  // stays
  builder.Free(passing);
  const TraceBuilder::Mark to = builder.mark();
  builder.EnterPhase(Phase::kTrainStep);
  EXPECT_TRUE(builder.Repeat(from, to));
  const Trace trace = std::move(builder).Take();

  ASSERT_EQ(trace.events.size(), 6u);
  EXPECT_EQ(trace.events[4].size, 2_MiB);
  EXPECT_EQ(trace.events[4].phase, Phase::kTrainStep);
  EXPECT_EQ(trace.events[4].allocation.value, 3u);
  EXPECT_EQ(trace.events[5].action, Action::kFreeCompleted);
  EXPECT_EQ(trace.events[5].allocation.value, 3u);
  EXPECT_EQ(trace.allocation_count, 4u);
}

TEST(TraceBuilder, DoesNotRepeatARoundThatFreedSomethingOlder) {
  TraceBuilder builder;
  const AllocationId older = builder.Alloc(1_MiB, Category::kOther, "any");
  const TraceBuilder::Mark from = builder.mark();
  builder.Free(older);
  EXPECT_FALSE(builder.Repeat(from, builder.mark()));
  EXPECT_EQ(std::move(builder).Take().events.size(), 2u);
}

TEST(Phase, NamesRoundTrip) {
  for (size_t i = 0; i < kPhaseCount; ++i) {
    EXPECT_EQ(PhaseFromName(PhaseName(static_cast<Phase>(i))), static_cast<Phase>(i));
  }
  EXPECT_EQ(PhaseFromName("lunch"), std::nullopt);
}

}  // namespace
}  // namespace vramcast
