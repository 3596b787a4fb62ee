#include "dryrun/bisect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <numeric>
#include <set>

namespace vramcast::dryrun {
namespace {

using ::testing::ElementsAre;

// A card on which batches up to `largest` live.
RunTrial CardFor(int64_t largest, std::vector<int64_t>* tried) {
  return [=](int64_t batch) -> Result<Trial> {
    tried->push_back(batch);
    return Trial{batch, batch <= largest, Bytes(batch), Bytes(batch), false};
  };
}

int64_t Best(const std::vector<Trial>& trials) {
  int64_t best = 0;
  for (const Trial& trial : trials) {
    if (trial.fits) best = std::max(best, trial.batch);
  }
  return best;
}

constexpr std::array<int64_t, 6> kPowers = {1, 2, 4, 8, 16, 32};

TEST(BisectTest, GoesUpAndStops) {
  std::vector<int64_t> tried;
  ASSERT_TRUE(Search(kPowers, 8, CardFor(20, &tried)));
  EXPECT_THAT(tried, ElementsAre(8, 16, 32));
}

TEST(BisectTest, StopsAtTheLargestThatIsAllowed) {
  std::vector<int64_t> tried;
  ASSERT_TRUE(Search(kPowers, 32, CardFor(1000, &tried)));
  EXPECT_THAT(tried, ElementsAre(32));
}

TEST(BisectTest, BeginsAtAnAllowedSize) {
  std::vector<int64_t> tried;
  ASSERT_TRUE(Search(kPowers, 12, CardFor(8, &tried)));
  EXPECT_THAT(tried, ElementsAre(8, 16));
}

TEST(BisectTest, GoesDownAndThenBetween) {
  std::vector<int64_t> tried;
  const auto trials = Search({}, 16, CardFor(6, &tried));
  ASSERT_TRUE(trials);
  EXPECT_THAT(tried, ElementsAre(16, 8, 4, 6, 7));
  EXPECT_EQ(Best(*trials), 6);
}

TEST(BisectTest, NothingLives) {
  std::vector<int64_t> tried;
  const auto trials = Search(kPowers, 4, CardFor(0, &tried));
  ASSERT_TRUE(trials);
  EXPECT_THAT(tried, ElementsAre(4, 2, 1));
  EXPECT_EQ(Best(*trials), 0);
}

TEST(BisectTest, AnErrorEndsTheSearch) {
  EXPECT_FALSE(
      Search({}, 4, [](int64_t) -> Result<Trial> { return MachineError("the program fails"); }));
}

TEST(BisectTest, ATrialThatIsStoppedEndsTheSearch) {
  std::vector<int64_t> tried;
  const auto trials = Search(kPowers, 8, [&](int64_t batch) -> Result<Trial> {
    tried.push_back(batch);
    const bool stopped = batch == 16;
    return Trial{batch, !stopped, Bytes(batch), Bytes(batch), stopped};
  });
  ASSERT_TRUE(trials);
  EXPECT_THAT(tried, ElementsAre(8, 16));
  EXPECT_TRUE(trials->back().interrupted);
  EXPECT_EQ(Best(*trials), 8);
}

RC_GTEST_PROP(BisectTest, FindsTheLargestWithoutTryingTwice, ()) {
  const auto largest = *rc::gen::inRange<int64_t>(0, 500);
  const auto first = *rc::gen::inRange<int64_t>(1, 300);
  std::vector<int64_t> sizes;
  if (*rc::gen::arbitrary<bool>()) {
    sizes.resize(300);
    std::iota(sizes.begin(), sizes.end(), 1);
  }
  std::vector<int64_t> tried;
  const auto trials = Search(sizes, first, CardFor(largest, &tried));
  RC_ASSERT(trials.has_value());
  RC_ASSERT(Best(*trials) == (sizes.empty() ? largest : std::min<int64_t>(largest, 300)));
  RC_ASSERT(std::set<int64_t>(tried.begin(), tried.end()).size() == tried.size());
  RC_ASSERT(tried.size() <= 22u);
}

}  // namespace
}  // namespace vramcast::dryrun
