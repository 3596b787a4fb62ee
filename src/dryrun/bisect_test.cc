#include "dryrun/bisect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace vramcast::dryrun {
namespace {

using ::testing::ElementsAre;

// A card on which batches up to `largest` live.
RunTrial CardFor(int64_t largest, std::vector<int64_t>* tried) {
  return [=](int64_t batch) -> Result<Trial> {
    tried->push_back(batch);
    return Trial{batch, batch <= largest, Bytes(batch)};
  };
}

int64_t Best(const std::vector<Trial>& trials) {
  int64_t best = 0;
  for (const Trial& trial : trials) {
    if (trial.fits) best = std::max(best, trial.batch);
  }
  return best;
}

TEST(BisectTest, GoesUpAndStops) {
  std::vector<int64_t> tried;
  ASSERT_TRUE(Search(8, 0, true, CardFor(20, &tried)));
  EXPECT_THAT(tried, ElementsAre(8, 16, 32));
}

TEST(BisectTest, GoesDownAndThenBetween) {
  std::vector<int64_t> tried;
  const auto trials = Search(16, 0, false, CardFor(6, &tried));
  ASSERT_TRUE(trials);
  EXPECT_THAT(tried, ElementsAre(16, 8, 4, 6, 7));
  EXPECT_EQ(Best(*trials), 6);
}

TEST(BisectTest, NothingLives) {
  std::vector<int64_t> tried;
  const auto trials = Search(4, 0, true, CardFor(0, &tried));
  ASSERT_TRUE(trials);
  EXPECT_THAT(tried, ElementsAre(4, 2, 1));
  EXPECT_EQ(Best(*trials), 0);
}

TEST(BisectTest, AnErrorEndsTheSearch) {
  EXPECT_FALSE(Search(4, 0, true,
                      [](int64_t) -> Result<Trial> { return MachineError("the program fails"); }));
}

RC_GTEST_PROP(BisectTest, FindsTheLargestWithoutTryingTwice, ()) {
  const auto largest = *rc::gen::inRange<int64_t>(0, 500);
  const auto first = *rc::gen::inRange<int64_t>(1, 300);
  std::vector<int64_t> tried;
  const auto trials = Search(first, 1000, false, CardFor(largest, &tried));
  RC_ASSERT(trials.has_value());
  RC_ASSERT(Best(*trials) == largest);
  RC_ASSERT(std::set<int64_t>(tried.begin(), tried.end()).size() == tried.size());
  RC_ASSERT(tried.size() <= 22u);
}

}  // namespace
}  // namespace vramcast::dryrun
