#include "monitor/step_rate.h"

#include <gtest/gtest.h>

namespace vramcast::monitor {
namespace {

TEST(StepRate, NeedsTwoMoves) {
  StepRate rate;
  rate.Add(0, 5);
  rate.Add(1, 5);
  rate.Add(2, 6);
  EXPECT_FALSE(rate.PerSecond());
  rate.Add(4, 7);
  ASSERT_TRUE(rate.PerSecond());
  EXPECT_DOUBLE_EQ(rate.PerSecond()->value, 0.5);
}

TEST(StepRate, IsThatOfTheRecentPastWithItsSpread) {
  StepRate rate;
  double time = 0;
  for (int step = 0; step < 2000; ++step) rate.Add(time += 0.5, step);
  for (int step = 2000; step < 4000; ++step) rate.Add(time += step % 2 == 0 ? 1.0 : 3.0, step);
  const auto pace = rate.PerSecond();
  ASSERT_TRUE(pace);
  EXPECT_NEAR(pace->value, 0.5, 0.02);
  EXPECT_LT(pace->low, 0.5);
  EXPECT_GT(pace->high, 0.5);
  EXPECT_GT(pace->low, 0.3);
  EXPECT_LT(pace->high, 0.8);
}

TEST(StepRate, ARunThatBeginsAnewIsMeasuredAnew) {
  StepRate rate;
  for (int step = 0; step < 10; ++step) rate.Add(step, step);
  rate.Add(100, 0);
  EXPECT_FALSE(rate.PerSecond());
}

}  // namespace
}  // namespace vramcast::monitor
