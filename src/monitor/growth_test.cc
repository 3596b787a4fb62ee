#include "monitor/growth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace vramcast::monitor {
namespace {

using namespace literals;  // NOLINT: sizes

constexpr Bytes kCard = 24_GiB;

struct Seen {
  Growth last;
  std::optional<int> alarm;  // the first sample at which growth was certain
  std::optional<Growth> at_alarm;
};

Seen Watch(int samples, const std::function<Bytes(int)>& used) {
  GrowthDetector detector;
  Seen seen;
  for (int i = 0; i < samples; ++i) {
    detector.Add(i, used(i));
    seen.last = detector.Assess(kCard);
    if (!seen.alarm && seen.last.certain) seen.alarm = i, seen.at_alarm = seen.last;
  }
  return seen;
}

TEST(Growth, AFlatSeriesIsSteady) {
  const Seen seen = Watch(500, [](int) { return 10_GiB; });
  EXPECT_EQ(seen.last.kind, GrowthKind::kSteady);
  EXPECT_EQ(seen.last.rises, 0);
}

TEST(Growth, AFewMoreBytesAreNoJump) {
  EXPECT_EQ(Watch(500, [](int i) { return 9_GiB + (i % 7) * 1_MiB; }).last.kind,
            GrowthKind::kSteady);
}

TEST(Growth, AFewSamplesAreTooEarly) {
  EXPECT_EQ(Watch(5, [](int i) { return 10_GiB + i * 1_GiB; }).last.kind, GrowthKind::kTooEarly);
  EXPECT_EQ(GrowthDetector().Assess(kCard).samples, 0);
}

TEST(Growth, NoiseIsSteady) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 30e6);
  const Seen seen =
      Watch(3000, [&](int) { return 10_GiB + Bytes(static_cast<int64_t>(noise(random))); });
  EXPECT_EQ(seen.last.kind, GrowthKind::kSteady);
  EXPECT_FALSE(seen.alarm.has_value());
}

TEST(Growth, ASlowLeakIsFoundEarlyAndItsEndForetold) {
  // 0.5 MiB a second into 8 GiB of room: full after 16384 s.
  const auto leak = [](int i) { return 16_GiB + i * 512_KiB; };
  const Seen seen = Watch(9000, leak);
  ASSERT_TRUE(seen.alarm.has_value());
  EXPECT_LT(*seen.alarm, 16384 * 0.5);
  EXPECT_NEAR(seen.at_alarm->bytes_per_second->value, 512.0 * 1024, 512 * 1024 * 0.1);
  const double left = 16384.0 - *seen.alarm;
  EXPECT_LE(seen.at_alarm->seconds_left->low, left);
  EXPECT_GE(seen.at_alarm->seconds_left->high, left);
}

TEST(Growth, AStaircaseOfTheAllocatorIsGrowth) {
  const Seen seen = Watch(12000, [](int i) { return 12_GiB + (i / 40) * 20_MiB; });
  EXPECT_EQ(seen.last.kind, GrowthKind::kGrowing);
  EXPECT_TRUE(seen.last.certain);
  EXPECT_NEAR(seen.last.bytes_per_second->value, 20.0 * (1 << 20) / 40, 0.05 * (1 << 20));
}

TEST(Growth, OneJumpAtEvaluationIsNoLeak) {
  const Seen seen = Watch(2000, [](int i) { return i < 700 ? 10_GiB : 13_GiB; });
  EXPECT_EQ(seen.last.kind, GrowthKind::kJumped);
  EXPECT_EQ(seen.last.jump, 3_GiB);
  EXPECT_FALSE(seen.alarm.has_value());
}

TEST(Growth, SawTeethAreSteadyAndASawToothOnALeakIsNot) {
  const auto tooth = [](int i) { return (i % 50) * 60_MiB; };
  const Seen steady = Watch(3000, [&](int i) { return 10_GiB + tooth(i); });
  EXPECT_EQ(steady.last.kind, GrowthKind::kSteady);
  EXPECT_FALSE(steady.alarm.has_value());
  const Seen leaking = Watch(6000, [&](int i) { return 10_GiB + tooth(i) + i * 1_MiB; });
  EXPECT_EQ(leaking.last.kind, GrowthKind::kGrowing);
  ASSERT_TRUE(leaking.alarm.has_value());
}

TEST(Growth, ARampThatHasEndedIsNoLeak) {
  const Seen seen = Watch(3000, [](int i) { return 4_GiB + std::min(i, 60) * 100_MiB; });
  EXPECT_NE(seen.last.kind, GrowthKind::kGrowing);
  EXPECT_FALSE(seen.alarm.has_value());
}

TEST(Growth, ALeakAfterARampIsFound) {
  const Seen seen = Watch(
      6000, [](int i) { return 4_GiB + std::min(i, 60) * 100_MiB + std::max(0, i - 500) * 1_MiB; });
  ASSERT_TRUE(seen.alarm.has_value());
  EXPECT_NEAR(seen.last.bytes_per_second->value, 1 << 20, 0.15 * (1 << 20));
}

TEST(Growth, WithoutACapacityThereIsARateButNoEnd) {
  GrowthDetector detector;
  for (int i = 0; i < 2000; ++i) detector.Add(i, 1_GiB + i * 1_MiB);
  const Growth growth = detector.Assess(std::nullopt);
  EXPECT_EQ(growth.kind, GrowthKind::kGrowing);
  EXPECT_TRUE(growth.bytes_per_second.has_value());
  EXPECT_FALSE(growth.seconds_left.has_value());
}

TEST(Growth, AProcessThatStartsAgainAndAgainIsNoLeak) {
  // Down to almost nothing, then up again to what it was, in 40 samples.
  const Seen seen = Watch(5000, [](int i) {
    const int since = i % 1300;
    return Bytes(std::min(since + 1, 40) * (16_GiB).count() / 40);
  });
  EXPECT_FALSE(seen.alarm.has_value());
  EXPECT_NE(seen.last.kind, GrowthKind::kGrowing);
}

TEST(Growth, WhatEveryEvaluationLeavesBehindIsGrowth) {
  const auto used = [](int i) {
    const Bytes inside = i % 200 < 10 ? 1_GiB : 0_B;
    return 10_GiB + (i / 200) * 400_MiB + inside;
  };
  const Seen seen = Watch(6400, used);
  ASSERT_TRUE(seen.alarm.has_value());
  EXPECT_NEAR(seen.at_alarm->bytes_per_second->value, 2.0 * (1 << 20), 0.3 * (1 << 20));
}

TEST(Growth, ALoadFromAnEmptyCardIsNoLeak) {
  // 20 of 24 GiB, loaded evenly within five minutes.
  const Seen seen = Watch(2000, [](int i) { return 500_MiB + std::min(i, 300) * 70_MiB; });
  EXPECT_FALSE(seen.alarm.has_value());
}

TEST(Growth, ALoadThatSlowsDownIsNoLeak) {
  // Towards 45 % of the room, ever more slowly, with evaluation on top of it.
  const Seen seen = Watch(3000, [](int i) {
    const double part = 1 - std::exp(-i / 150.0);
    return 10_GiB + Bytes(static_cast<int64_t>(part * 45) * (140 << 20)) +
           (i % 100 < 5 ? 3_GiB : 0_B);
  });
  EXPECT_FALSE(seen.alarm.has_value());
}

TEST(Growth, TheLoadAtTheStartIsNoToothOfTheRestOfTheRun) {
  // Of the 5 GiB that are left after the load, 800 MiB go: far from half of them.
  const Seen seen = Watch(3000, [](int i) {
    const int late = std::clamp(i - 1000, 0, 1600);
    return 1_GiB + std::min(i, 40) * 450_MiB + late * 512_KiB;
  });
  EXPECT_FALSE(seen.alarm.has_value());
}

TEST(Growth, AFewStagesOfLongerSequencesAreNoLeak) {
  const Seen seen = Watch(4000, [](int i) { return 8_GiB + (i / 800) * 1_GiB; });
  EXPECT_FALSE(seen.alarm.has_value());
}

TEST(Growth, TheLongestSequenceSoFarIsNoLeak) {
  std::mt19937 random(11);
  std::exponential_distribution<double> length(1);
  double longest = 0;
  const Seen seen = Watch(6000, [&](int) {
    longest = std::max(longest, length(random));
    return 12_GiB + Bytes(static_cast<int64_t>(longest * 400) << 20);
  });
  EXPECT_FALSE(seen.alarm.has_value());
}

TEST(Growth, ALongGapBetweenSamplesIsNoPauseOfTheLeak) {
  GrowthDetector detector;
  std::optional<int> alarm;
  for (int i = 0; i < 8000 && !alarm; ++i) {
    detector.Add(i < 3000 ? i : i + 50000, 14_GiB + i * 1_MiB);
    if (detector.Assess(kCard).certain) alarm = i;
  }
  ASSERT_TRUE(alarm.has_value());
  EXPECT_LT(*alarm, 6000);
}

TEST(Growth, RisingMemoryThatMayBuildUpIsTooEarlyToTell) {
  GrowthDetector detector;
  for (int i = 0; i < 80; ++i) detector.Add(i, 10_GiB + i * 40_MiB);
  const Growth growth = detector.Assess(kCard);
  EXPECT_EQ(growth.kind, GrowthKind::kTooEarly);
  ASSERT_TRUE(growth.bytes_per_second.has_value());
  EXPECT_NEAR(growth.bytes_per_second->value, 40.0 * (1 << 20), 4.0 * (1 << 20));
}

TEST(Growth, AMillionSamplesAreJudgedLikeAFew) {
  GrowthDetector detector;
  for (int i = 0; i < 1000000; ++i) detector.Add(i, 10_GiB + (i / 100) * 1_MiB);
  const Growth growth = detector.Assess(kCard);
  EXPECT_TRUE(growth.certain);
  EXPECT_NEAR(growth.bytes_per_second->value, (1 << 20) / 100.0, (1 << 20) / 2000.0);
}

}  // namespace
}  // namespace vramcast::monitor
