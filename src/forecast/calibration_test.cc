#include "forecast/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace vramcast::forecast {
namespace {

using namespace literals;  // NOLINT: sizes
using ::testing::HasSubstr;

Request Of(int64_t depth, int64_t batch, const char* card = "H100 80GB") {
  Request request;
  request.flags.depth = depth;
  request.flags.device_batch_size = batch;
  request.flags.world_size = 8;
  request.flags.launcher = nanochat::Launcher::kTorchrun;
  request.flags.revision = "oct2025";
  request.card = gpu::FindCard(card)->card;
  return request;
}

Observation Seen(const Request& request, Bytes remainder) {
  const auto forecast = Make(request);
  return ObserveAllocated(request, forecast->peak_allocated + remainder).value();
}

Forecast With(Request request, std::vector<Observation> seen) {
  request.calibration =
      std::make_shared<const Calibration>(Calibration{"calibration.db", std::move(seen)});
  return Make(request).value();
}

Bytes Width(const Interval& interval) { return interval.high - interval.low; }

void ExpectConsistent(const Forecast& forecast) {
  Bytes composition, terms;
  for (const CategoryBytes& part : forecast.composition) composition += part.bytes;
  for (const Term& term : forecast.terms) terms += term.bytes;
  EXPECT_EQ(composition, forecast.peak_allocated);
  EXPECT_EQ(terms, forecast.peak_allocated);
  EXPECT_LE(forecast.interval.low, forecast.peak_allocated);
  EXPECT_GE(forecast.interval.high, forecast.peak_allocated);
  EXPECT_LE(forecast.device_interval.low, forecast.peak_device);
  EXPECT_GE(forecast.device_interval.high, forecast.peak_device);
  Bytes low = forecast.peak_allocated, high = forecast.peak_allocated;
  for (const Uncertainty& reason : forecast.uncertainties) {
    EXPECT_GE(reason.low, 0_B);
    EXPECT_GE(reason.high, 0_B);
    low -= reason.low;
    high += reason.high;
  }
}

TEST(Calibration, RunsOfOtherConfigurationsMoveAndNarrowTheForecast) {
  const Forecast plain = Make(Of(20, 16)).value();
  const Forecast calibrated = With(
      Of(20, 16), {Seen(Of(20, 32), 20_MiB), Seen(Of(18, 16), 24_MiB), Seen(Of(22, 16), 22_MiB)});
  EXPECT_EQ(calibrated.shift, 22_MiB);
  EXPECT_EQ(calibrated.peak_allocated, plain.peak_allocated + 22_MiB);
  EXPECT_LT(Width(calibrated.interval), Width(plain.interval));
  // Range 4 MiB of three configurations: twice that to each side, and the floor.
  EXPECT_GE(Width(calibrated.interval), 2 * (8_MiB + 4_MiB));
  EXPECT_LE(calibrated.device_interval.high, plain.device_interval.high);
  EXPECT_THAT(calibrated.inputs.back().value, HasSubstr("3 runs of 3 configurations"));
  EXPECT_EQ(calibrated.inputs.back().origin, "calibration.db");
  ExpectConsistent(calibrated);
}

TEST(Calibration, ANegativeRemainderKeepsTheSums) {
  const Forecast plain = Make(Of(20, 16)).value();
  const Forecast calibrated =
      With(Of(20, 16), {Seen(Of(20, 32), -20_MiB), Seen(Of(18, 16), -24_MiB)});
  EXPECT_EQ(calibrated.peak_allocated, plain.peak_allocated - 22_MiB);
  ExpectConsistent(calibrated);
}

TEST(Calibration, OneConfigurationSpeaksOnlyOfItself) {
  const Forecast plain = Make(Of(20, 16)).value();
  const Forecast other = With(Of(20, 16), {Seen(Of(20, 32), 20_MiB), Seen(Of(20, 32), 21_MiB)});
  EXPECT_EQ(other.shift, 0_B);
  EXPECT_EQ(other.interval.low, plain.interval.low);
  EXPECT_EQ(other.interval.high, plain.interval.high);
  const Forecast same = With(Of(20, 16), {Seen(Of(20, 16), 20_MiB)});
  EXPECT_LT(Width(same.interval), Width(plain.interval));
  ExpectConsistent(other);
  ExpectConsistent(same);
}

TEST(Calibration, TheSpreadThatWasMeasuredStays) {
  const Forecast plain = Make(Of(20, 16)).value();
  const Forecast calibrated = With(Of(20, 16), {Seen(Of(20, 32), 90_MiB), Seen(Of(18, 16), -40_MiB),
                                                Seen(Of(22, 16), 0_B), Seen(Of(21, 16), 10_MiB)});
  EXPECT_GE(Width(calibrated.interval), std::min(Width(plain.interval), 130_MiB));
  ExpectConsistent(calibrated);
}

TEST(Calibration, OtherCardsFamiliesAndSizesLearnNothing) {
  const std::vector<Observation> seen = {Seen(Of(20, 32), 20_MiB), Seen(Of(18, 16), 24_MiB)};
  EXPECT_EQ(With(Of(20, 16, "A100 80GB"), seen).shift, 0_B);
  EXPECT_EQ(With(Of(4, 1), seen).shift, 0_B);
  Request newer = Of(20, 16);
  newer.flags.revision = "head";
  EXPECT_EQ(With(newer, seen).shift, 0_B);
}

TEST(Calibration, ARunOutsideItsOwnForecastIsRefused) {
  const Forecast plain = Make(Of(20, 16)).value();
  for (const Bytes printed : {plain.interval.high + 1_B, plain.interval.low - 1_B, 1_MiB}) {
    const auto seen = ObserveAllocated(Of(20, 16), printed);
    ASSERT_FALSE(seen);
    EXPECT_THAT(seen.error().message, HasSubstr("not the code or the configuration"));
  }
  Request nowhere = Of(20, 16);
  nowhere.card = {};
  EXPECT_FALSE(ObserveAllocated(nowhere, plain.peak_allocated));
}

TEST(Calibration, CrashReportsTellTheMemoryOutsidePytorch) {
  const std::string card = Of(20, 16).card->name;
  const Forecast plain = Make(Of(20, 16)).value();
  std::vector<Observation> seen = {ObserveOutside(card, 8, 900_MiB).value()};
  const Forecast one = With(Of(20, 16), seen);
  EXPECT_EQ(one.outside[0].usual, 900_MiB);
  EXPECT_EQ(one.device_interval.high, plain.device_interval.high);
  seen.push_back(ObserveOutside(card, 8, 910_MiB).value());
  seen.push_back(ObserveOutside(card, 8, 905_MiB).value());
  const Forecast three = With(Of(20, 16), seen);
  EXPECT_EQ(three.outside[0].usual, 905_MiB);
  EXPECT_LE(three.outside[0].low, 900_MiB);
  EXPECT_GE(three.outside[0].high, 910_MiB);
  EXPECT_LT(Width(three.device_interval), Width(plain.device_interval));
  EXPECT_EQ(three.interval.high, plain.interval.high);
  EXPECT_FALSE(ObserveOutside(card, 8, 5_GiB));
  EXPECT_FALSE(ObserveOutside(card, 8, 1_MiB));
  // One process knows nothing of NCCL among eight.
  Request alone = Of(20, 1);
  alone.flags.world_size = 1;
  alone.flags.launcher = nanochat::Launcher::kPython;
  EXPECT_EQ(With(alone, seen).outside.size(), Make(alone)->outside.size());
}

TEST(Calibration, TheVerdictFollows) {
  // What is measured outside PyTorch decides whether it fits.
  Request request = Of(20, 16);
  const Forecast plain = Make(request).value();
  request.total = plain.device_interval.high + 1_MiB;
  ASSERT_EQ(Make(request)->fits, true);
  std::vector<Observation> seen;
  for (const Bytes outside : {3_GiB, 3_GiB + 10_MiB}) {
    seen.push_back(ObserveOutside(request.card->name, 8, outside).value());
  }
  EXPECT_GT(With(request, seen).outside[0].high, 3_GiB);
  EXPECT_GE(With(request, seen).device_interval.high, 3_GiB);
}

}  // namespace
}  // namespace vramcast::forecast
