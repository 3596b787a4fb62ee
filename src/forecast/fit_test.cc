#include "forecast/fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace vramcast::forecast {
namespace {

Request On(const char* card, int64_t depth) {
  Request request;
  request.flags.revision = "head";
  request.flags.depth = depth;
  if (auto match = gpu::FindCard(card)) request.card = match->card;
  return request;
}

TEST(FindBatch, KeepsTheTotalBatchSize) {
  const auto fit = FindBatch(On("RTX 3090", 12));
  ASSERT_TRUE(fit) << fit.error().message;
  ASSERT_TRUE(fit->device_batch_size && fit->total_batch_size);
  EXPECT_EQ(*fit->device_batch_size * 2048 * fit->grad_accum_steps, *fit->total_batch_size);
  EXPECT_EQ(fit->forecast.fits, true);
  EXPECT_EQ(fit->flags.device_batch_size, fit->device_batch_size);
}

TEST(FindBatch, TheNextSizeDoesNotFit) {
  const auto fit = FindBatch(On("RTX 3090", 16));
  ASSERT_TRUE(fit && fit->device_batch_size);
  const auto next =
      std::find_if(fit->candidates.begin(), fit->candidates.end(),
                   [&](const auto& c) { return c.device_batch_size > *fit->device_batch_size; });
  ASSERT_NE(next, fit->candidates.end());
  EXPECT_FALSE(next->fits);
}

TEST(FindBatch, TellsTheSizesBeyondThoseItLookedAt) {
  const auto fit = FindBatch(On("RTX 3090", 16));
  ASSERT_TRUE(fit && fit->total_batch_size);
  EXPECT_EQ(fit->allowed.back(), *fit->total_batch_size / 2048);
  EXPECT_GT(fit->allowed.size(), fit->candidates.size());
}

TEST(FindBatch, AgreesWithTheBisection) {
  for (const int64_t depth : {8, 12, 20, 26}) {
    for (const char* card : {"T4", "RTX 3090", "H100 SXM"}) {
      const auto fit = FindBatch(On(card, depth));
      const auto batch = LargestBatch(On(card, depth));
      ASSERT_TRUE(fit && batch);
      EXPECT_EQ(fit->device_batch_size, *batch) << card << " " << depth;
    }
  }
}

TEST(FindBatch, SaysWhatWouldFitWhereNothingDoes) {
  const auto fit = FindBatch(On("8GB", 32));
  ASSERT_TRUE(fit);
  EXPECT_FALSE(fit->device_batch_size);
  EXPECT_FALSE(fit->alternatives.empty());
  bool card = false, depth = false;
  for (const Alternative& one : fit->alternatives) {
    if (one.needs_code_change) continue;
    EXPECT_EQ(one.forecast.fits, true) << one.description;
    EXPECT_FALSE(one.forecast.refused);
    card |= one.kind == Alternative::Kind::kCard;
    depth |= one.kind == Alternative::Kind::kDepth;
  }
  EXPECT_TRUE(card);
  EXPECT_TRUE(depth);
}

TEST(FindBatch, NeverProposesWhatNanochatRefuses) {
  Request request = On("H100 SXM", 12);
  request.flags.world_size = 3;  // no batch of 524,288 tokens divides by three
  request.flags.total_batch_size = 524288;
  const auto fit = FindBatch(request);
  ASSERT_TRUE(fit);
  EXPECT_FALSE(fit->device_batch_size);
  EXPECT_FALSE(fit->notes.empty());
}

TEST(FindBatch, AMarginLeavesRoom) {
  Request request = On("RTX 3090", 12);
  const auto plain = LargestBatch(request);
  request.margin = Bytes(int64_t{8} << 30);
  const auto careful = LargestBatch(request);
  ASSERT_TRUE(plain && careful && *plain);
  EXPECT_LT(careful->value_or(0), **plain);
}

// 32 rows ran out of memory on 80 GB in January 2026; they fit only if the cache is given back in
// every step, which leaves nothing over.
TEST(FindBatch, DoesNotRecommendWhatFitsOnlyWithoutItsCache) {
  Request request = On("H100 SXM", 20);
  request.flags.revision = "50413d2";
  request.flags.vocab_size = 65536;
  request.flags.world_size = 8;
  const auto fit = FindBatch(request);
  ASSERT_TRUE(fit && fit->device_batch_size);
  EXPECT_EQ(*fit->device_batch_size, 16);
  EXPECT_GT(*fit->forecast.headroom, Bytes(0));
}

TEST(FindBatch, NeedsACard) {
  Request request = On("RTX 3090", 12);
  request.card.reset();
  EXPECT_EQ(FindBatch(request).error().kind, ErrorKind::kUsage);
}

// Remainders between blocks decide: joined, they make room for a larger batch.
TEST(FindBatch, SaysWhatExpandableSegmentsWouldMakeRoomFor) {
  Request request;
  request.flags.depth = 20;
  request.flags.world_size = 8;
  request.flags.revision = "head";
  request.card = gpu::FindCard("NVIDIA H100 80GB HBM3")->card;
  const auto fit = FindBatch(request);
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->device_batch_size, 16);
  ASSERT_TRUE(fit->with_expandable_segments);
  EXPECT_EQ(fit->with_expandable_segments->device_batch_size, 32);
  EXPECT_LE(fit->with_expandable_segments->device_high, *fit->forecast.capacity);
  // Where they are on, or where the user has said what to use, there is nothing to say.
  request.allocator = AllocatorSettings();
  EXPECT_FALSE(FindBatch(request)->with_expandable_segments);
  request.allocator.reset();
  request.flags.revision = "oct2025";
  EXPECT_FALSE(FindBatch(request)->with_expandable_segments);
}

}  // namespace
}  // namespace vramcast::forecast
