#include "forecast/verdict.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "forecast/forecast.h"

namespace vramcast::forecast {
namespace {

Request Small(int64_t batch) {
  Request request;
  request.flags.depth = 4;
  request.flags.device_batch_size = batch;
  request.flags.total_batch_size = 8 * 2048;
  request.flags.revision = "head";
  return request;
}

// What one play says of a range of cards is what a play on each of them would say.
TEST(Deaths, ARangeOfCardsEndsAlike) {
  const auto recording = Record(Small(2));
  ASSERT_TRUE(recording);
  const Bytes outside(600 << 20);
  Deaths shared;
  int died = 0, lived = 0;
  for (int64_t mib = 1024; mib < 40 * 1024; mib += 407) {
    const Bytes capacity(mib << 20);
    const Death death = shared.On(recording->trace, recording->settings, capacity, outside);
    Deaths alone;
    const Death again = alone.On(recording->trace, recording->settings, capacity, outside);
    EXPECT_EQ(death.dies, again.dies) << mib;
    EXPECT_EQ(death.phase, again.phase) << mib;
    EXPECT_EQ(death.reserved, again.reserved) << mib;
    (death.dies ? died : lived) += 1;
  }
  EXPECT_GT(died, 3);
  EXPECT_GT(lived, 3);
}

// CORE's many lengths fill the cache of any card; nobody needs a card of that size.
TEST(Judge, OnACardThatIsTooSmallForTheCacheTheCacheShrinks) {
  Request request = Small(2);
  request.card = gpu::FindCard("RTX 3060 12GB")->card;
  const auto small = Make(request);
  request.card = gpu::FindCard("H200")->card;
  const auto large = Make(request);
  ASSERT_TRUE(small && large);
  EXPECT_EQ(small->fits, true);
  EXPECT_GT(large->peak_reserved, 3 * large->peak_allocated);
  EXPECT_LE(small->device_interval.high, *small->capacity);
  EXPECT_GE(small->peak_device, small->peak_reserved);
  EXPECT_LT(std::abs((small->peak_allocated - large->peak_allocated).count()), 200 << 20);
}

TEST(Judge, WhatDoesNotFitNeedsWhatTrainingNeeds) {
  Request request = Small(2);
  request.card = gpu::FindCard("2GiB")->card;
  const auto made = Make(request);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->fits, false);
  EXPECT_LT(made->device_interval.high, made->peak_allocated + made->peak_allocated / 4);
  EXPECT_GT(made->device_interval.high, *made->capacity);
}

}  // namespace
}  // namespace vramcast::forecast
