// The full-screen view as text: docs/captures holds what these tests draw. With
// VRAMCAST_UPDATE_DOCS=1 the captures are written instead of compared.
#include "cli/watch_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>

namespace vramcast::cli {
namespace {

using namespace literals;  // NOLINT: sizes
using monitor::GrowthKind;
using monitor::Interval;
using monitor::PhaseVerdict;
using testing::HasSubstr;
using testing::Not;

constexpr double kNow = 1760000000;

monitor::ProcessReport Process(int64_t pid, const std::string& name, const std::string& user,
                               const std::string& command, Bytes used) {
  monitor::ProcessReport process;
  process.sample = {.pid = pid,
                    .name = name,
                    .used = used,
                    .graphics = name == "Xorg",
                    .command_line = command,
                    .user = user};
  process.growth.kind = GrowthKind::kSteady;
  process.peak = used;
  return process;
}

monitor::GpuReport Gpu(int index, const std::string& name, Bytes used, Bytes capacity) {
  monitor::GpuReport gpu;
  gpu.sample = {.id = "GPU-" + std::to_string(index),
                .name = name,
                .index = index,
                .used = used,
                .capacity = capacity,
                .utilisation = 97 - index,
                .temperature = 61 + index % 4};
  gpu.growth.kind = GrowthKind::kSteady;
  gpu.peak = used;
  return gpu;
}

void Grow(monitor::Growth* growth, double per_second, std::optional<Interval> left, bool certain) {
  growth->kind = GrowthKind::kGrowing;
  growth->certain = certain;
  growth->bytes_per_second = Interval{.value = per_second, .low = 0, .high = 0};
  growth->seconds_left = left;
}

// One card that a leak fills, and a phase ahead that will not fit.
monitor::Report Desk() {
  monitor::Report report{.time = kNow, .step = 1240, .total_steps = 21400};
  report.steps_per_second = Interval{.value = 0.5, .low = 0.48, .high = 0.53};
  monitor::GpuReport gpu = Gpu(0, "NVIDIA GeForce RTX 3090", 16600_MiB, 24136_MiB);
  gpu.processes = {
      Process(9001, "python3", "ada",
              "/home/ada/nanochat/.venv/bin/python3 -m scripts.base_train --depth=12", 16204_MiB),
      Process(1873, "Xorg", "root", "/usr/lib/xorg/Xorg vt2 -displayfd 3", 182_MiB)};
  Grow(&gpu.growth, 5.0 * (1 << 20), Interval{.value = 1507, .low = 1300, .high = 1750}, true);
  Grow(&gpu.processes[0].growth, 5.0 * (1 << 20), std::nullopt, false);
  gpu.grower = 0;
  gpu.ahead = {{.phase = Phase::kEvaluation, .step = 1250, .verdict = PhaseVerdict::kFits},
               {.phase = Phase::kCoreMetric,
                .step = 2000,
                .verdict = PhaseVerdict::kWillFail,
                .needs = 24500_MiB,
                .needs_low = 24200_MiB,
                .needs_high = 24900_MiB,
                .room = 23954_MiB,
                .short_by = 546_MiB},
               {.phase = Phase::kSave, .step = 21400, .at_end = true}};
  report.gpus.push_back(gpu);
  return report;
}

// Eight cards of one machine, shared with somebody else.
monitor::Report Server() {
  monitor::Report report{.time = kNow, .step = 310, .total_steps = 5000};
  report.steps_per_second = Interval{.value = 2.25, .low = 2.2, .high = 2.3};
  for (int i = 0; i < 8; ++i) {
    monitor::GpuReport gpu = Gpu(i, "NVIDIA H100 80GB HBM3", 61000_MiB + i * 17_MiB, 81080_MiB);
    gpu.processes = {Process(51000 + i, "python3", "ada",
                             "/opt/nanochat/.venv/bin/python3 -u -m scripts.base_train --depth=26 "
                             "--device-batch-size=16 --core-metric-every=2000",
                             60400_MiB + i * 17_MiB)};
    gpu.ahead = {{.phase = Phase::kEvaluation, .step = 500, .verdict = PhaseVerdict::kFits},
                 {.phase = Phase::kCoreMetric, .step = 2000, .verdict = PhaseVerdict::kFits},
                 {.phase = Phase::kSave, .step = 5000, .at_end = true}};
    report.gpus.push_back(gpu);
  }
  monitor::GpuReport& shared = report.gpus[3];
  shared.sample.used = 79200_MiB;
  shared.processes.insert(
      shared.processes.begin() + 1,
      Process(47110, "python3", "bob", "python3 serve.py --model llama-8b", 18120_MiB));
  Grow(&shared.growth, 40.0 * (1 << 20) / 60, Interval{.value = 2820, .low = 2100, .high = 4300},
       false);
  Grow(&shared.processes[1].growth, 40.0 * (1 << 20) / 60, std::nullopt, false);
  shared.grower = 1;
  shared.ahead[1].verdict = PhaseVerdict::kMayFail;
  shared.ahead[1].room = 62960_MiB;
  shared.ahead[1].short_by = 1210_MiB;
  report.gpus[6].growth.kind = GrowthKind::kJumped;
  report.gpus[6].growth.jump = 2048_MiB;
  return report;
}

WatchPast Past(const monitor::Report& report) {
  WatchPast past;
  constexpr int kSamples = 300;
  for (int i = 0; i < kSamples; ++i) {
    monitor::Report then = report;
    then.time = kNow - (kSamples - 1 - i);
    for (monitor::GpuReport& gpu : then.gpus) {
      const double age = static_cast<double>(kSamples - 1 - i) / kSamples;
      const double share = gpu.growth.kind == GrowthKind::kGrowing ? 0.35 * age : 0.02 * (i % 3);
      gpu.sample.used =
          Bytes(std::llround(static_cast<double>(gpu.sample.used.count()) * (1 - share)));
    }
    past.Add(then);
  }
  return past;
}

class WatchScreen : public testing::Test {
 protected:
  WatchScreen() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  static std::string Draw(const monitor::Report& report, int columns, int rows, bool ascii = false,
                          const std::function<void(WatchState*)>& change = {}) {
    const WatchPast past = Past(report);
    WatchState state{.report = &report, .past = &past, .source = "nvml"};
    if (change) change(&state);
    return DrawWatch(state, columns, rows, ascii).Text();
  }
  static void ExpectCapture(const std::string& name, const std::string& drawn) {
    const std::string path = std::string(VRAMCAST_SOURCE_DIR) + "/docs/captures/" + name + ".txt";
    if (std::getenv("VRAMCAST_UPDATE_DOCS") != nullptr) {
      std::ofstream(path) << drawn;
      return;
    }
    std::ifstream file(path);
    const std::string captured((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(captured, drawn) << path;
  }
};

TEST_F(WatchScreen, Captures) {
  ExpectCapture("watch-80x24", Draw(Desk(), 80, 24));
  ExpectCapture("watch-200x60", Draw(Server(), 200, 60));
  ExpectCapture("watch-80x24-server", Draw(Server(), 80, 24));
  ExpectCapture("watch-80x24-ascii", Draw(Desk(), 80, 24, true));
}

TEST_F(WatchScreen, ThePageShowsTheCapture) {
  std::ifstream file(std::string(VRAMCAST_SOURCE_DIR) + "/docs/watch.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(page, HasSubstr(Draw(Desk(), 80, 24))) << "docs/watch.md shows another screen";
}

TEST_F(WatchScreen, SaysWhatMattersOnASmallTerminal) {
  const std::string screen = Draw(Desk(), 80, 24);
  EXPECT_THAT(screen, HasSubstr("step 1,240 of 21,400"));
  EXPECT_THAT(screen, HasSubstr("16.21 GiB of 23.57 GiB  69 %"));
  EXPECT_THAT(screen,
              HasSubstr("grows 10.00 MiB per step, full in 22 min to 29 min (624 to 928 steps)"));
  EXPECT_THAT(screen, HasSubstr("will not fit by 546.00 MiB"));
  EXPECT_THAT(screen, HasSubstr("9001"));
  EXPECT_THAT(screen, HasSubstr("q quit"));
}

TEST_F(WatchScreen, EveryGpuHasALineWhereThereIsRoom) {
  const std::string screen = Draw(Server(), 80, 24);
  for (int i = 0; i < 8; ++i) {
    EXPECT_THAT(screen, HasSubstr("\n  " + std::to_string(i) + " ")) << screen;
  }
  EXPECT_THAT(Draw(Server(), 80, 10), HasSubstr("more GPUs"));
}

TEST_F(WatchScreen, OneGpuAtATime) {
  const std::string screen =
      Draw(Server(), 80, 24, false, [](WatchState* state) { state->focus = 3; });
  EXPECT_THAT(screen, HasSubstr("GPU 3  NVIDIA H100"));
  EXPECT_THAT(screen, HasSubstr("bob"));
  EXPECT_THAT(screen, Not(HasSubstr("51004")));
}

TEST_F(WatchScreen, TroubleIsSaid) {
  const std::string screen = Draw(Desk(), 80, 24, false, [](WatchState* state) {
    state->stalled = 12;
    state->notes = {"GPU 1 no longer answers"};
  });
  EXPECT_THAT(screen, HasSubstr("the driver has not answered for 12 s"));
  EXPECT_THAT(screen, HasSubstr("GPU 1 no longer answers"));
  monitor::Report none{.time = kNow};
  EXPECT_THAT(Draw(none, 80, 24), HasSubstr("no GPU's used memory"));
}

TEST_F(WatchScreen, AnySizeIsDrawnInside) {
  for (const monitor::Report& report : {Desk(), Server(), monitor::Report{}}) {
    for (int columns = 1; columns < 130; columns += 7) {
      for (int rows = 1; rows < 70; rows += 3) {
        const std::string screen = Draw(report, columns, rows, columns % 2 == 0);
        EXPECT_EQ(std::count(screen.begin(), screen.end(), '\n'), rows);
      }
    }
  }
}

TEST(ScreenGrid, TextIsCutAndCleaned) {
  ScreenGrid grid(10, 2, false);
  grid.Put(0, 0, "abcdefghijklmnop");
  grid.Put(1, 0, "a\xff\x1b\xe6\xbc\xa2z\xc3\xa9");
  EXPECT_EQ(grid.Text(), "abcdefghi…\na???zé\n");
  ScreenGrid ascii(10, 1, true);
  ascii.Put(0, 0, "61 °C é…");
  EXPECT_EQ(ascii.Text(), "61  C ?.\n");
}

TEST(ScreenGrid, BarsAndSparklines) {
  ScreenGrid grid(8, 2, false);
  grid.Bar(0, 0, 8, 0.5625, Ink::kBar);
  grid.Sparkline(1, 0, 8, {0, 0.5, 1}, Ink::kBar);
  EXPECT_EQ(grid.Text(), "████▌···\n     ▁▅█\n");
  ScreenGrid ascii(8, 2, true);
  ascii.Bar(0, 0, 8, 0.5, Ink::kBar);
  ascii.Sparkline(1, 0, 8, {0, 0.5, 1, 7, -1}, Ink::kBar);
  EXPECT_EQ(ascii.Text(), "####....\n   _=##_\n");
}

}  // namespace
}  // namespace vramcast::cli
