#include "nanochat/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "nanochat/flags.h"

namespace vramcast::nanochat {
namespace {

using ::testing::ElementsAre;

std::vector<PlannedAction> Plan(std::string_view revision, const std::vector<std::string>& words,
                                Stage stage = Stage::kBase) {
  const auto run = Resolve(*ParseFlags(words), *FindRevision(revision), stage);
  EXPECT_TRUE(run);
  return PlanOf(*run);
}

std::vector<Action> Actions(const std::vector<PlannedAction>& plan) {
  std::vector<Action> actions;
  for (const PlannedAction& planned : plan) actions.push_back(planned.action);
  return actions;
}

TEST(Plan, TrainingAlone) {
  EXPECT_THAT(
      Actions(Plan("head", {"--eval-every=-1", "--core-metric-every=-1", "--sample-every=-1",
                            "--num-iterations=4"})),
      ElementsAre(Action::kBuildModel, Action::kTrainStep, Action::kTrainStep, Action::kSave));
}

TEST(Plan, BaseEvalDoesWhatItIsAskedFor) {
  const auto plan = Plan("head", {"--eval=bpb"}, Stage::kBaseEval);
  EXPECT_THAT(Actions(plan),
              ElementsAre(Action::kBuildModel, Action::kLoadCheckpoint, Action::kEvaluateLoss));
  EXPECT_THAT(Actions(Plan("head", {"--eval=core"}, Stage::kBaseEval)),
              ElementsAre(Action::kBuildModel, Action::kLoadCheckpoint, Action::kCoreMetric));
}

TEST(Plan, BaseTrainingEvaluatesBeforeTheFirstStep) {
  const auto plan = Plan("head", {"--num-iterations=1000"});
  EXPECT_THAT(Actions(plan),
              ElementsAre(Action::kBuildModel, Action::kEvaluateLoss, Action::kTrainStep,
                          Action::kTrainStep, Action::kEvaluateLoss, Action::kEvaluateLoss,
                          Action::kCoreMetric, Action::kSample, Action::kSave));
  EXPECT_EQ(plan[4].step, 250);
  EXPECT_EQ(plan[6].step, 1000);  // CORE at the last step only, before its 2000th
  EXPECT_TRUE(plan[1].compiled);
  EXPECT_FALSE(plan[6].compiled);
  EXPECT_TRUE(plan[7].master_only);
}

TEST(Plan, ResumingLoadsTwice) {
  const auto plan = Plan("head", {"--resume-from-step=300", "--num-iterations=1000"});
  EXPECT_THAT(Actions(plan), ::testing::Contains(Action::kLoadOptimizer));
  EXPECT_EQ(plan[3].action, Action::kTrainStep);  // 300 is no multiple of 250
  EXPECT_EQ(plan[3].step, 300);
}

TEST(Plan, October2025SavesOnTheMasterOnly) {
  EXPECT_TRUE(Plan("oct2025", {}).back().master_only);
  EXPECT_FALSE(Plan("head", {}).back().master_only);
}

TEST(Plan, FineTuningChanged) {
  const auto padded = Plan("oct2025", {}, Stage::kSft);
  EXPECT_FALSE(padded[2].compiled);
  const auto logits = std::find_if(padded.begin(), padded.end(), [](const PlannedAction& planned) {
    return planned.action == Action::kChatLogits;
  });
  ASSERT_NE(logits, padded.end());
  EXPECT_EQ(logits->rows, 8);

  const auto inherits = Plan("head", {}, Stage::kSft);
  EXPECT_EQ(inherits[2].action, Action::kLoadOptimizer);
  EXPECT_TRUE(inherits[3].compiled);
  EXPECT_EQ(inherits.back().step, PlannedAction::kLastStep);
}

TEST(Plan, OtherStages) {
  EXPECT_THAT(Actions(Plan("head", {}, Stage::kRl)),
              ElementsAre(Action::kBuildModel, Action::kLoadCheckpoint, Action::kChatGenerate,
                          Action::kRollout, Action::kTrainStep, Action::kTrainStep, Action::kSave));
  EXPECT_THAT(Actions(Plan("head", {}, Stage::kBaseEval)),
              ElementsAre(Action::kBuildModel, Action::kLoadCheckpoint, Action::kSample,
                          Action::kSample, Action::kEvaluateLoss, Action::kCoreMetric));
  EXPECT_THAT(Actions(Plan("head", {}, Stage::kChatEval)),
              ElementsAre(Action::kBuildModel, Action::kLoadCheckpoint, Action::kChatLogits,
                          Action::kChatGenerate));
}

}  // namespace
}  // namespace vramcast::nanochat
