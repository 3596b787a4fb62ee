#include "monitor/floor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "monitor/held.h"
#include "monitor/outlook.h"

namespace vramcast::monitor {
namespace {

constexpr double kMiB = 1 << 20;

TEST(Floor, StaysWithinItsBound) {
  Floor floor;
  for (int i = 0; i < 100000; ++i) floor.Add(i, i);
  EXPECT_LE(floor.steps().size(), Floor::kMostSteps);
  EXPECT_EQ(floor.steps().back().level, 99999);
}

TEST(Floor, KnowsForHowLongTeethKeepAwayFromIt) {
  Floor floor;
  for (int i = 0; i < 1000; ++i) floor.Add(i, (i % 40) * kMiB, kMiB);
  EXPECT_NEAR(static_cast<double>(floor.longest_absence()), 39, 2);
}

TEST(Floor, OneLongVisitIsNoHabit) {
  Floor floor;
  for (int i = 0; i < 1000; ++i) floor.Add(i, i >= 300 && i < 700 ? 100 * kMiB : 0, kMiB);
  EXPECT_EQ(floor.longest_absence(), 0);
}

TEST(Floor, ForgetsWhatWasBeforeAProcessEnded) {
  Floor floor;
  for (int i = 0; i < 500; ++i) floor.Add(i, i * kMiB);
  for (int i = 500; i < 600; ++i) floor.Add(i, 10 * kMiB);
  EXPECT_EQ(LevelAt(floor, 550), 10 * kMiB);
  const Held held = HeldFloor(floor, kMiB, 4);
  EXPECT_LT(held.level, 11 * kMiB);
}

TEST(Held, OnlyWhatHasHeldCounts) {
  Floor floor;
  for (int i = 0; i < 100; ++i) floor.Add(i, i < 50 ? 0 : i < 97 ? 20 * kMiB : 90 * kMiB);
  const Held held = HeldFloor(floor, kMiB, 10);
  ASSERT_EQ(held.rises.size(), 1u);
  EXPECT_EQ(held.rises[0].time, 50);
  EXPECT_EQ(held.level, 20 * kMiB);
  EXPECT_EQ(LevelHeld(floor, 2), 90 * kMiB);
}

TEST(Outlook, RegularGrowthEndsWhenTheRoomIsUsedUp) {
  Stretch stretch{.begin = 0, .end = 1000, .rises = {}};
  for (int i = 1; i <= 100; ++i) stretch.rises.push_back({i * 10.0, 2 * kMiB});
  const Outlook outlook = LookAhead(stretch, 400 * kMiB);
  EXPECT_NEAR(outlook.bytes_per_second.value, 0.2 * kMiB, 1);
  ASSERT_TRUE(outlook.seconds_left);
  EXPECT_NEAR(outlook.seconds_left->value, 2000, 1);
  EXPECT_LT(outlook.seconds_left->low, 2000);
  EXPECT_TRUE(std::isfinite(outlook.seconds_left->high));
  EXPECT_LT(outlook.seconds_left->high, 3000);
}

TEST(Outlook, FewUnevenRisesLeaveTheEndOpen) {
  const Stretch stretch{.begin = 0,
                        .end = 100,
                        .rises = {{5, 90 * kMiB}, {10, kMiB}, {60, 2 * kMiB}, {90, 30 * kMiB}}};
  const Outlook outlook = LookAhead(stretch, 400 * kMiB);
  EXPECT_TRUE(std::isinf(outlook.seconds_left->high));
  EXPECT_FALSE(LookAhead(stretch, std::nullopt).seconds_left);
}

}  // namespace
}  // namespace vramcast::monitor
