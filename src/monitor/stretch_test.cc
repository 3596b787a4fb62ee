#include "monitor/stretch.h"

#include <gtest/gtest.h>

#include <random>

namespace vramcast::monitor {
namespace {

constexpr double kMiB = 1 << 20;

std::vector<Rise> Regular(int count, double gap, double size, double from = 0) {
  std::vector<Rise> rises;
  for (int i = 1; i <= count; ++i) rises.push_back({from + i * gap, size});
  return rises;
}

std::vector<Rise> Joined(std::vector<Rise> rises, const std::vector<Rise>& more) {
  rises.insert(rises.end(), more.begin(), more.end());
  return rises;
}

TEST(Stretch, RegularStairsAreSteadyFromTheBeginning) {
  const auto stretch = SteadyStretch(Regular(30, 10, 2 * kMiB), 0, 305);
  ASSERT_TRUE(stretch);
  EXPECT_EQ(stretch->begin, 0);
  EXPECT_EQ(stretch->sum(), 60 * kMiB);
  EXPECT_DOUBLE_EQ(stretch->effective(), 30);
  EXPECT_EQ(stretch->typical_sum(), 60 * kMiB);
}

TEST(Stretch, StairsByChanceAreSteady) {
  std::mt19937 random(3);
  std::exponential_distribution<double> gap(0.1);
  int steady = 0;
  for (int series = 0; series < 100; ++series) {
    std::vector<Rise> rises;
    double time = 0;
    for (int i = 0; i < 40; ++i) rises.push_back({time += gap(random), 20 * kMiB});
    const auto stretch = SteadyStretch(rises, 0, time + 5);
    if (stretch && stretch->sum() > 0.7 * 800 * kMiB) ++steady;
  }
  EXPECT_GE(steady, 95);
}

TEST(Stretch, ARampBeforeTheGrowthIsLeftOut) {
  const auto stretch =
      SteadyStretch(Joined(Regular(50, 1, 100 * kMiB), Regular(40, 50, 50 * kMiB, 500)), 0, 2510);
  ASSERT_TRUE(stretch);
  EXPECT_GE(stretch->begin, 50);
  EXPECT_NEAR(stretch->sum() / stretch->length(), kMiB, 0.3 * kMiB);
}

TEST(Stretch, WhatHasStoppedIsNotSteady) {
  EXPECT_FALSE(SteadyStretch(Regular(30, 10, 2 * kMiB), 0, 500));
}

TEST(Stretch, MaximaThatBecomeRarerGrowLittleInAnySteadyStretch) {
  std::vector<Rise> rises;
  for (int i = 0; i < 12; ++i) rises.push_back({10.0 * (1 << i), 20 * kMiB});
  const auto stretch = SteadyStretch(rises, 0, 30000);
  EXPECT_LT(stretch ? stretch->sum() : 0, 140 * kMiB);
}

TEST(Stretch, RisesThatComeTogetherCountAsFew) {
  std::vector<Rise> rises;
  for (int jump = 0; jump < 4; ++jump) {
    rises = Joined(rises, Regular(10, 0.5, 20 * kMiB, jump * 250));
  }
  const Stretch stretch{.begin = 0, .end = 1000, .rises = rises};
  EXPECT_DOUBLE_EQ(stretch.effective(), 40);
  EXPECT_LT(stretch.spread(), 6);
}

TEST(Stretch, AJumpIsNotTypical) {
  const Stretch stretch{.begin = 0,
                        .end = 1005,
                        .rises = Joined(Regular(50, 10, kMiB),
                                        Joined({{501, 500 * kMiB}}, Regular(50, 10, kMiB, 502)))};
  EXPECT_LT(stretch.typical_sum(), 300 * kMiB);
}

TEST(Jumps, OneFarAboveTheUsualAndSteepIsTakenOut) {
  std::vector<Rise> rises = Joined(Regular(20, 10, 2 * kMiB), {{201, 900 * kMiB}});
  const std::vector<Rise> jumps = TakeJumps(&rises, 0);
  ASSERT_EQ(jumps.size(), 1u);
  EXPECT_EQ(jumps[0].size, 900 * kMiB);
  EXPECT_EQ(rises.size(), 20u);
}

}  // namespace
}  // namespace vramcast::monitor
