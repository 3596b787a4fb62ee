#include "monitor/phases_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gpu/card.h"

namespace vramcast::monitor {
namespace {

using namespace literals;  // NOLINT: sizes

// Small steps, so that CORE, whose shapes do not follow the batch, is the largest phase.
forecast::Request SmallSteps() {
  forecast::Request request;
  request.flags.stage = nanochat::Stage::kBase;
  request.flags.depth = 12;
  request.flags.device_batch_size = 1;
  request.flags.max_seq_len = 512;
  request.flags.num_iterations = 5000;
  request.card = gpu::FindCard("A40")->card;
  return request;
}

forecast::PhasePeak PeakOf(const PhasesAhead& outlook, Phase phase) {
  for (const forecast::PhasePeak& peak : outlook.forecast().phases) {
    if (peak.phase == phase) return peak;
  }
  return {};
}

const UpcomingPhase* Find(const std::vector<UpcomingPhase>& ahead, Phase phase) {
  const auto found = std::find_if(ahead.begin(), ahead.end(),
                                  [phase](const auto& one) { return one.phase == phase; });
  return found == ahead.end() ? nullptr : &*found;
}

class PhasesAheadTest : public testing::Test {
 protected:
  PhasesAheadTest() : outlook_(*PhasesAhead::Make(SmallSteps())) {
    // What it needs: its cache would fill any card, and is given back where there is no room.
    core_ = PeakOf(outlook_, Phase::kCoreMetric).allocated;
    const Standing any = {.step = 10, .capacity = 46068_MiB, .mine = 10000_MiB, .peak = 10000_MiB};
    trained_ = 10000_MiB - *outlook_.Correction(any);
  }
  // At step 10, holding what the forecast expects.
  Standing AtStepTen(Bytes capacity) const {
    return {.step = 10, .capacity = capacity, .mine = trained_, .peak = trained_};
  }

  PhasesAhead outlook_;
  Bytes core_, trained_;
};

TEST_F(PhasesAheadTest, ExpectsWhatTheStepsSoFarHaveTaken) {
  const Bytes steps = PeakOf(outlook_, Phase::kTrainStep).reserved;
  EXPECT_GE(trained_, steps);
  EXPECT_LE(trained_, steps + 1500_MiB);
  // After CORE more is held: its cache stays.
  Standing later = {.step = 2500, .capacity = 46068_MiB, .mine = 10000_MiB, .peak = 10000_MiB};
  EXPECT_GE(10000_MiB - *outlook_.Correction(later), core_);
}

TEST_F(PhasesAheadTest, ListsTheNextTimeOfEachPhaseInOrder) {
  const auto ahead = outlook_.Ahead(AtStepTen(46068_MiB));
  std::vector<int64_t> steps;
  for (const UpcomingPhase& one : ahead) {
    EXPECT_EQ(one.verdict, PhaseVerdict::kFits) << PhaseName(one.phase);
    EXPECT_EQ(one.short_by, 0_B);
    steps.push_back(*one.step);
  }
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  ASSERT_NE(Find(ahead, Phase::kCoreMetric), nullptr);
  EXPECT_EQ(Find(ahead, Phase::kCoreMetric)->step, 2000);
  EXPECT_EQ(Find(ahead, Phase::kEvaluation)->step, 250);
  EXPECT_EQ(Find(ahead, Phase::kSave)->step, 5000);
  EXPECT_TRUE(Find(ahead, Phase::kSave)->at_end);
  EXPECT_EQ(Find(ahead, Phase::kTrainStep), nullptr);
  Standing later = AtStepTen(46068_MiB);
  later.step = 2000;
  EXPECT_EQ(Find(outlook_.Ahead(later), Phase::kCoreMetric)->step, 4000);
  later.step = 4100;
  EXPECT_EQ(Find(outlook_.Ahead(later), Phase::kCoreMetric)->step, 5000);
  later.step = 5000;
  EXPECT_TRUE(outlook_.Ahead(later).empty());
  // What the run prints of its length goes first.
  later.step = 10;
  later.total = 300;
  EXPECT_EQ(Find(outlook_.Ahead(later), Phase::kCoreMetric)->step, 300);
}

TEST_F(PhasesAheadTest, SaysByHowMuchAPhaseWillNotFit) {
  ASSERT_GT(core_, trained_ + 2048_MiB) << "CORE is to be the largest phase";
  const auto ahead = outlook_.Ahead(AtStepTen(trained_ + 300_MiB));
  const UpcomingPhase* core = Find(ahead, Phase::kCoreMetric);
  ASSERT_NE(core, nullptr);
  EXPECT_EQ(core->verdict, PhaseVerdict::kWillFail);
  EXPECT_EQ(core->room, trained_ + 300_MiB);
  EXPECT_EQ(core->short_by, core->needs - core->room);
  // With what it lacks, the doubt, and what fragmentation takes, it fits.
  const auto enough = outlook_.Ahead(AtStepTen(core->needs_high + 1536_MiB));
  EXPECT_EQ(Find(enough, Phase::kCoreMetric)->verdict, PhaseVerdict::kFits);
  // Evaluation at step 250 needs no more than training.
  EXPECT_EQ(Find(ahead, Phase::kEvaluation)->verdict, PhaseVerdict::kFits);
}

TEST_F(PhasesAheadTest, OthersTakeRoom) {
  Standing standing = AtStepTen(core_ + 4096_MiB);
  EXPECT_EQ(Find(outlook_.Ahead(standing), Phase::kCoreMetric)->verdict, PhaseVerdict::kFits);
  standing.others = 8200_MiB;
  const auto ahead = outlook_.Ahead(standing);
  EXPECT_EQ(Find(ahead, Phase::kCoreMetric)->verdict, PhaseVerdict::kWillFail);
  EXPECT_EQ(Find(ahead, Phase::kCoreMetric)->room, core_ + 4096_MiB - 8200_MiB);
}

TEST_F(PhasesAheadTest, WhatTheProcessHoldsBeyondTheForecastIsAdded) {
  Standing standing = AtStepTen(core_ + 4096_MiB);
  EXPECT_EQ(*outlook_.Correction(standing), 0_B);
  standing.mine = standing.peak = trained_ + 12000_MiB;
  EXPECT_EQ(*outlook_.Correction(standing), 12000_MiB);
  EXPECT_EQ(Find(outlook_.Ahead(standing), Phase::kCoreMetric)->verdict, PhaseVerdict::kWillFail);
  // And less is taken off: a forecast that is too high raises no alarm.
  Bytes tight = core_;
  while (Find(outlook_.Ahead(AtStepTen(tight)), Phase::kCoreMetric)->verdict ==
         PhaseVerdict::kFits) {
    tight -= 250_MiB;
  }
  standing = AtStepTen(tight);
  standing.mine = standing.peak = trained_ - 1500_MiB;
  EXPECT_EQ(Find(outlook_.Ahead(standing), Phase::kCoreMetric)->verdict, PhaseVerdict::kFits);
}

TEST_F(PhasesAheadTest, ALeakGoesOnUntilThen) {
  Standing standing = AtStepTen(core_ + 4096_MiB);
  standing.growth_per_step = 5.0 * (1 << 20);
  const auto ahead = outlook_.Ahead(standing);
  EXPECT_EQ(Find(ahead, Phase::kCoreMetric)->verdict, PhaseVerdict::kWillFail);
  EXPECT_EQ(Find(ahead, Phase::kEvaluation)->verdict, PhaseVerdict::kFits);
}

TEST_F(PhasesAheadTest, BeforeTheFirstStepsTheStepsThemselvesAreAhead) {
  const auto ahead = outlook_.Ahead({.step = 0, .capacity = 46068_MiB, .mine = 300_MiB});
  ASSERT_NE(Find(ahead, Phase::kTrainStep), nullptr);
  const auto small = outlook_.Ahead({.step = 0, .capacity = 2000_MiB, .mine = 300_MiB});
  EXPECT_EQ(Find(small, Phase::kTrainStep)->verdict, PhaseVerdict::kWillFail);
  EXPECT_FALSE(outlook_.Correction({.step = 0, .capacity = 46068_MiB, .mine = 300_MiB}));
}

TEST_F(PhasesAheadTest, WithoutAStepPhasesAreListedAsPlanned) {
  const auto ahead = outlook_.Ahead({.capacity = 46068_MiB, .mine = trained_, .peak = trained_});
  EXPECT_EQ(Find(ahead, Phase::kCoreMetric)->step, 2000);
  EXPECT_EQ(Find(ahead, Phase::kTrainStep), nullptr);
}

TEST_F(PhasesAheadTest, OnlyRankZeroSamples) {
  Standing standing = AtStepTen(46068_MiB);
  EXPECT_NE(Find(outlook_.Ahead(standing), Phase::kSampling), nullptr);
  standing.is_master = false;
  EXPECT_EQ(Find(outlook_.Ahead(standing), Phase::kSampling), nullptr);
  EXPECT_NE(Find(outlook_.Ahead(standing), Phase::kCoreMetric), nullptr);
}

TEST(PhasesAhead, AForecastThatCannotBeMadeIsAnError) {
  forecast::Request request = SmallSteps();
  request.flags.depth = 0;
  EXPECT_FALSE(PhasesAhead::Make(request));
}

}  // namespace
}  // namespace vramcast::monitor
