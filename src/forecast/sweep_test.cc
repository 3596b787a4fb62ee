#include "forecast/sweep.h"

#include <gtest/gtest.h>

namespace vramcast::forecast {
namespace {

void ExpectTheSame(const Point& point, const Forecast& forecast) {
  EXPECT_EQ(point.peak_phase, forecast.peak_phase);
  EXPECT_EQ(point.peak_allocated, forecast.peak_allocated);
  EXPECT_EQ(point.peak_reserved, forecast.peak_reserved);
  EXPECT_EQ(point.peak_device, forecast.peak_device);
  EXPECT_EQ(point.interval.low, forecast.interval.low);
  EXPECT_EQ(point.interval.high, forecast.interval.high);
  EXPECT_EQ(point.device_interval.low, forecast.device_interval.low);
  EXPECT_EQ(point.device_interval.high, forecast.device_interval.high);
  EXPECT_EQ(point.fits, forecast.fits);
  EXPECT_EQ(point.refused, forecast.refused);
}

// One card of each capability and number of multiprocessors would do; the catalogue is small.
TEST(Sweep, EveryPointIsTheSingleForecast) {
  for (const char* revision : {"head", "jan2026-sdpa", "oct2025"}) {
    for (const int64_t ranks : {1, 8}) {
      Request request;
      request.flags.revision = revision;
      request.flags.world_size = ranks;
      Sweep sweep(request);
      for (const int64_t depth : {6}) {
        for (const int64_t batch : {1, 8}) {
          for (size_t i = 0; i < gpu::Catalogue().size(); i += 11) {
            const gpu::Card& card = gpu::Catalogue()[i];
            const auto point = sweep.At(depth, batch, card);
            Request single = request;
            single.flags.depth = depth;
            single.flags.device_batch_size = batch;
            single.card = card;
            const auto forecast = Make(single);
            ASSERT_EQ(point.has_value(), forecast.has_value()) << revision << " " << card.name;
            if (!forecast) continue;
            SCOPED_TRACE(card.name);
            ExpectTheSame(*point, *forecast);
          }
        }
      }
    }
  }
}

TEST(Sweep, WhatNoRunCouldBeIsAnError) {
  Sweep sweep({});
  EXPECT_FALSE(sweep.At(-3, 1, gpu::Catalogue().front()));
}

}  // namespace
}  // namespace vramcast::forecast
