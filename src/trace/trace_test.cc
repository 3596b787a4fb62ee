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

TEST(Phase, NamesRoundTrip) {
  for (size_t i = 0; i < kPhaseCount; ++i) {
    EXPECT_EQ(PhaseFromName(PhaseName(static_cast<Phase>(i))), static_cast<Phase>(i));
  }
  EXPECT_EQ(PhaseFromName("lunch"), std::nullopt);
}

}  // namespace
}  // namespace vramcast
