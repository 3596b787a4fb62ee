#include "forecast/forecast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace vramcast::forecast {
namespace {

using nanochat::Launcher;
using nanochat::Stage;

Request Base(const char* revision, int64_t depth, int64_t batch, const char* card) {
  Request request;
  request.flags.revision = revision;
  request.flags.depth = depth;
  request.flags.device_batch_size = batch;
  request.flags.core_metric_every = -1;
  request.flags.sample_every = -1;
  if (auto match = gpu::FindCard(card)) request.card = match->card;
  return request;
}

Bytes InPhase(const Forecast& forecast, Phase phase) {
  for (const PhasePeak& peak : forecast.phases) {
    if (peak.phase == phase) return peak.allocated;
  }
  return Bytes(0);
}

Bytes InCategory(const Forecast& forecast, Category category) {
  for (const CategoryBytes& part : forecast.composition) {
    if (part.category == category) return part.bytes;
  }
  return Bytes(0);
}

void ExpectSound(const Forecast& forecast) {
  Bytes categories, terms, highest;
  for (const CategoryBytes& part : forecast.composition) categories += part.bytes;
  for (const Term& term : forecast.terms) terms += term.bytes;
  for (const PhasePeak& phase : forecast.phases) {
    highest = std::max(highest, phase.allocated);
    EXPECT_LE(phase.allocated, phase.reserved);
  }
  EXPECT_EQ(categories, forecast.peak_allocated);
  EXPECT_EQ(terms, forecast.peak_allocated);
  EXPECT_EQ(highest, forecast.peak_allocated);
  EXPECT_EQ(InPhase(forecast, forecast.peak_phase), forecast.peak_allocated);
  EXPECT_LE(forecast.interval.low, forecast.peak_allocated);
  EXPECT_GE(forecast.interval.high, forecast.peak_allocated);
  EXPECT_LE(forecast.peak_allocated, forecast.peak_reserved);
  EXPECT_LE(forecast.peak_reserved, forecast.peak_device);
  EXPECT_LE(forecast.device_interval.low, forecast.peak_device);
  EXPECT_GE(forecast.device_interval.high, forecast.peak_device);
}

// The public run of October 2025: depth 20, 32 rows, eight H100, "Peak memory usage: 75422.02MiB".
TEST(Forecast, AgreesWithThePublicSpeedrun) {
  Request request = Base("4346536", 20, 32, "H100 SXM");
  request.flags.vocab_size = 65536;
  request.flags.world_size = 8;
  const auto forecast = Make(request);
  ASSERT_TRUE(forecast) << forecast.error().message;
  ExpectSound(*forecast);
  EXPECT_NEAR(forecast->peak_allocated.mib(), 75422, 75);
  EXPECT_EQ(forecast->parameters, 560988160);
  EXPECT_EQ(forecast->fits, true);
  EXPECT_EQ(forecast->grad_accum_steps, 1);
}

TEST(Forecast, TheHeadsLogitsAreOneBf16CopyOnAmpere) {
  const auto forecast = Make(Base("head", 12, 8, "A40"));
  ASSERT_TRUE(forecast);
  ExpectSound(*forecast);
  EXPECT_EQ(InCategory(*forecast, Category::kLogits).count(), int64_t{2} * 8 * 2048 * 32768);
}

TEST(Forecast, CardsWithoutBf16KeepLogitsAndTheirGradientInFp32) {
  Request request = Base("head", 4, 4, "T4");
  request.flags.total_batch_size = 4 * 2048;
  const auto forecast = Make(request);
  ASSERT_TRUE(forecast);
  EXPECT_EQ(InCategory(*forecast, Category::kLogits).count(), int64_t{8} * 4 * 2048 * 32768);
}

TEST(Forecast, TorchrunOnOneGpuKeptCollectivesTensorsInOctober) {
  Request request = Base("oct2025", 10, 8, "H100 SXM");
  request.flags.launcher = Launcher::kPython;
  const auto alone = Make(request);
  request.flags.launcher = Launcher::kTorchrun;
  const auto grouped = Make(request);
  ASSERT_TRUE(alone && grouped);
  EXPECT_EQ(InCategory(*alone, Category::kCommunication), Bytes(0));
  EXPECT_GT(InCategory(*grouped, Category::kCommunication), Bytes(0));
}

TEST(Forecast, CoversBothWaysOfStartingWhereThatIsNotSaid) {
  const Request open = Base("dc54a1a", 8, 4, "RTX 4070");
  Request torchrun = open;
  torchrun.flags.launcher = Launcher::kTorchrun;
  Request python = open;
  python.flags.launcher = Launcher::kPython;
  const auto either = Make(open), more = Make(torchrun), less = Make(python);
  ASSERT_TRUE(either && more && less);
  EXPECT_EQ(either->peak_allocated, less->peak_allocated);
  EXPECT_LE(either->interval.low, less->peak_allocated);
  EXPECT_GE(either->interval.high, more->peak_allocated);
  EXPECT_LT(less->interval.high, more->peak_allocated);
}

// A head of 50,304 rows for 50,257 entries: the loss has a gradient of its own before the head's.
// Dry run: 1,292.20 MiB.
TEST(Forecast, CutLogitsNeedAGradientOfTheirOwn) {
  Request request = Base("92d63d4", 4, 4, "H100 SXM");
  request.flags.head_dim = 64;
  request.flags.max_seq_len = 512;
  request.flags.total_batch_size = 4096;
  request.flags.eval_every = -1;
  request.flags.vocab_size = 50257;
  const auto cut = Make(request);
  request.flags.vocab_size = 50304;
  const auto whole = Make(request);
  ASSERT_TRUE(cut && whole);
  EXPECT_NEAR(cut->peak_allocated.mib(), 1292.20, 1);
  EXPECT_GT(cut->peak_allocated.mib() - whole->peak_allocated.mib(), 300);
}

// fp8 pads the gradient of cut logits in fp32 beside it. Dry run: 1,442.94 MiB.
TEST(Forecast, Fp8PadsTheGradientOfCutLogits) {
  Request request = Base("92d63d4", 3, 2, "H100 SXM");
  request.flags.aspect_ratio = 128;
  request.flags.max_seq_len = 512;
  request.flags.total_batch_size = 2048;
  request.flags.eval_every = -1;
  request.flags.fp8 = true;
  request.flags.vocab_size = 50257;
  const auto forecast = Make(request);
  ASSERT_TRUE(forecast);
  EXPECT_NEAR(forecast->peak_allocated.mib(), 1442.94, 7);
}

// The smear gate reads a slice of each row: of a single row it is a view, which keeps all of it.
// Dry run: 3,794.44 MiB.
TEST(Forecast, ASingleRowIsKeptForTheSmearGate) {
  Request request = Base("92d63d4", 4, 1, "A40");
  request.flags.aspect_ratio = 72;
  request.flags.head_dim = 96;
  request.flags.max_seq_len = 4096;
  request.flags.total_batch_size = 8192;
  request.flags.eval_every = -1;
  request.flags.vocab_size = 100000;
  const auto forecast = Make(request);
  ASSERT_TRUE(forecast);
  EXPECT_NEAR(forecast->peak_allocated.mib(), 3794.44, 1);
}

// Dry run: 1,814.09 MiB, of which the fp32 sums of the hashed bigrams' gradient take 240.
TEST(Forecast, BigramsHaveAnAccumulatorOfTheirOwn) {
  Request request = Base("c88bbf8", 6, 2, "H100 SXM");
  request.flags.max_seq_len = 512;
  request.flags.total_batch_size = 2048;
  request.flags.eval_every = -1;
  const auto forecast = Make(request);
  ASSERT_TRUE(forecast);
  EXPECT_NEAR(forecast->peak_allocated.mib(), 1814.09, 5);
}

// Scripts since December 2025 set PYTORCH_ALLOC_CONF, which PyTorch 2.9's CUDA allocator does not
// read. A run of March 2026 on an H100 (24 layers, 16 rows, eight ranks) printed 62,386.67 MiB.
TEST(Forecast, ExpandableSegmentsNeedTheVariableThatIsRead) {
  Request request = Base("83dccc2", 24, 16, "H100 SXM");
  request.flags.world_size = 8;
  request.flags.eval_every = -1;
  const auto plain = Make(request);
  request.allocator = DefaultSettings();
  request.allocator->expandable_segments = true;
  const auto expandable = Make(request);
  ASSERT_TRUE(plain && expandable);
  EXPECT_NEAR(plain->peak_allocated.mib(), 62386.67, 8);
  EXPECT_GT((plain->peak_allocated - expandable->peak_allocated).mib(), 10);
  // The older scripts set the one that is, over whatever the environment says.
  Request october = Base("4346536", 20, 32, "H100 SXM");
  october.flags.world_size = 8;
  const auto set = Make(october);
  october.allocator = DefaultSettings();
  const auto overridden = Make(october);
  ASSERT_TRUE(set && overridden);
  EXPECT_EQ(set->peak_allocated, overridden->peak_allocated);
}

TEST(Forecast, PhasesComeInTheOrderOfTheRun) {
  Request request = Base("head", 12, 8, "H100 SXM");
  request.flags.core_metric_every = 2000;
  const auto forecast = Make(request);
  ASSERT_TRUE(forecast);
  std::vector<Phase> order;
  for (const PhasePeak& phase : forecast->phases) order.push_back(phase.phase);
  EXPECT_THAT(order,
              testing::ElementsAre(Phase::kModelInit, Phase::kEvaluation, Phase::kFirstForward,
                                   Phase::kFirstBackward, Phase::kFirstOptimizerStep,
                                   Phase::kTrainStep, Phase::kCoreMetric, Phase::kSave));
}

TEST(Forecast, ShardingTheOptimizerSavesItsStates) {
  Request request = Base("head", 12, 4, "H100 SXM");
  const auto one = Make(request);
  request.flags.world_size = 8;
  const auto eight = Make(request);
  ASSERT_TRUE(one && eight);
  EXPECT_LT(InCategory(*eight, Category::kOptimizer), InCategory(*one, Category::kOptimizer));
}

TEST(Forecast, WithoutACardNothingIsSaidOfFit) {
  Request request = Base("head", 12, 8, "H100 SXM");
  request.card.reset();
  const auto forecast = Make(request);
  ASSERT_TRUE(forecast);
  EXPECT_FALSE(forecast->fits);
  EXPECT_FALSE(forecast->capacity);
  EXPECT_FALSE(forecast->warnings.empty());
}

TEST(Forecast, OtherProcessesTakeFromTheCard) {
  Request request = Base("head", 12, 8, "RTX 3090");
  const auto alone = Make(request);
  request.other_processes = Bytes(int64_t{16} << 30);
  const auto beside = Make(request);
  ASSERT_TRUE(alone && beside);
  EXPECT_EQ(alone->fits, true);
  EXPECT_EQ(beside->fits, false);
  EXPECT_TRUE(beside->dies_in);
}

TEST(Forecast, TheIntervalIsWiderWhereTheRevisionIsNotKnown) {
  const auto known = Make(Base("92d63d4", 12, 8, "H100 SXM"));
  const auto guessed = Make(Base("0123456789abcdef0123456789abcdef01234567", 12, 8, "H100 SXM"));
  ASSERT_TRUE(known && guessed) << guessed.error().message;
  EXPECT_GT(guessed->interval.high - guessed->interval.low,
            known->interval.high - known->interval.low);
}

TEST(Forecast, CodeChangesSaveWhatTheySay) {
  Request request = Base("oct2025", 12, 16, "H100 SXM");
  request.flags.world_size = 8;
  const auto plain = Make(request);
  const auto peak = [&](CodeChanges changes) {
    Request changed = request;
    changed.changes = changes;
    const auto forecast = Make(changed);
    EXPECT_TRUE(forecast);
    ExpectSound(*forecast);
    return forecast->peak_allocated;
  };
  ASSERT_TRUE(plain);
  const Bytes each = peak({.checkpoint_every = 1}), second = peak({.checkpoint_every = 2});
  EXPECT_LT(each, second);
  EXPECT_LT(second, plain->peak_allocated);
  EXPECT_LT(peak({.release_staging = true}), plain->peak_allocated);
  EXPECT_LT(peak({.bf16_states = true}), plain->peak_allocated);
}

// The compiler makes all parts of a chunked loss at once; only what runs uncompiled gains.
TEST(Forecast, AChunkedLossSavesWhereNothingIsCompiled) {
  Request request = Base("oct2025", 12, 16, "H100 SXM");
  const auto peak = [&](bool chunked, Stage stage) {
    request.flags.stage = stage;
    request.changes.chunked_loss = chunked;
    return Make(request)->peak_allocated;
  };
  EXPECT_EQ(peak(true, Stage::kBase), peak(false, Stage::kBase));
  EXPECT_LT(peak(true, Stage::kRl), peak(false, Stage::kRl));
}

TEST(Forecast, RefusesWhatNoRunCouldBe) {
  Request request = Base("head", -3, 8, "H100 SXM");
  EXPECT_EQ(Make(request).error().kind, ErrorKind::kUsage);
  request = Base("head", 100000, 8, "H100 SXM");
  EXPECT_EQ(Make(request).error().kind, ErrorKind::kUsage);
  request = Base("nosuchrevision", 12, 8, "H100 SXM");
  EXPECT_EQ(Make(request).error().kind, ErrorKind::kUsage);
  request = Base("head", 12, int64_t{1} << 60, "H100 SXM");
  EXPECT_EQ(Make(request).error().kind, ErrorKind::kUsage);
}

TEST(Forecast, EveryStageOfEveryEraIsSound) {
  for (const char* revision :
       {"oct2025", "2025-12-15", "jan2026", "2026-02-20", "mar2026", "head"}) {
    for (const Stage stage :
         {Stage::kBase, Stage::kMid, Stage::kSft, Stage::kRl, Stage::kBaseEval, Stage::kChatEval}) {
      for (const char* card : {"H100 SXM", "RTX 3090", "T4"}) {
        Request request = Base(revision, 6, 2, card);
        request.flags.stage = stage;
        request.flags.core_metric_every.reset();
        request.flags.sample_every.reset();
        const auto forecast = Make(request);
        ASSERT_TRUE(forecast) << revision << " " << card << ": " << forecast.error().message;
        SCOPED_TRACE(std::string(revision) + " " + card);
        ExpectSound(*forecast);
      }
    }
  }
}

TEST(Forecast, EveryAllocationIsFreedAtMostOnce) {
  Request request = Base("head", 4, 2, "H100 SXM");
  request.flags.fp8 = true;
  request.flags.world_size = 2;
  const auto recording = Record(request);
  ASSERT_TRUE(recording);
  std::vector<int> live(recording->trace.allocation_count, 0);
  for (const Event& event : recording->trace.events) {
    if (event.action == Action::kAlloc) ++live[event.allocation.value];
    if (event.action == Action::kFreeCompleted) --live[event.allocation.value];
  }
  EXPECT_TRUE(std::all_of(live.begin(), live.end(), [](int n) { return n == 0 || n == 1; }));
}

TEST(Forecast, MoreRowsNeverNeedLess) {
  rc::check([] {
    const auto depth = *rc::gen::inRange<int64_t>(1, 14);
    const auto batch = *rc::gen::inRange<int64_t>(1, 24);
    const auto length = 128 * *rc::gen::inRange<int64_t>(1, 20);
    Request request = Base("head", depth, batch, *rc::gen::element("H100 SXM", "A40", "T4"));
    request.flags.max_seq_len = length;
    request.flags.total_batch_size = int64_t{1} << 40;  // always more than one micro-step
    const auto smaller = Make(request);
    request.flags.device_batch_size = batch + 1;
    const auto larger = Make(request);
    RC_ASSERT(smaller.has_value());
    RC_ASSERT(larger.has_value());
    RC_ASSERT(smaller->peak_allocated <= larger->peak_allocated);
  });
}

}  // namespace
}  // namespace vramcast::forecast
