#include "monitor/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vramcast::monitor {
namespace {

using namespace literals;  // NOLINT: sizes
using ::testing::HasSubstr;
using ::testing::Not;

GpuReport OneGpu() {
  GpuReport gpu;
  gpu.sample = {.id = "GPU-1",
                .name = "NVIDIA \"A40\"\n",
                .index = 0,
                .used = 6_GiB,
                .capacity = 44_GiB,
                .utilisation = 97};
  gpu.peak = 7_GiB;
  return gpu;
}

TEST(Exposition, TellsWhatIsKnownInBaseUnits) {
  Report report{.time = 1760000000.25, .gpus = {OneGpu()}};
  const std::string text = Exposition(report, 3, "1.2");
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_memory_used_bytes{gpu=\"0\"} 6442450944\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_memory_peak_bytes{gpu=\"0\"} 7516192768\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_utilization_ratio{gpu=\"0\"} 0.97\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_samples_total 3\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_last_sample_timestamp_seconds 1760000000.25\n"));
  EXPECT_THAT(text, HasSubstr("uuid=\"GPU-1\",name=\"NVIDIA \\\"A40\\\"\\n\"} 1\n"));
}

TEST(Exposition, WhatIsUnknownHasNoSeries) {
  Report report{.gpus = {OneGpu()}};
  report.gpus[0].sample.capacity = {};
  const std::string text = Exposition(report, 1, "1");
  EXPECT_THAT(text, Not(HasSubstr("capacity")));
  EXPECT_THAT(text, Not(HasSubstr("temperature")));
  EXPECT_THAT(text, Not(HasSubstr("leaking")));  // too early to tell
  EXPECT_THAT(text, Not(HasSubstr("training_step")));
}

TEST(Exposition, GrowthHasARateAndATimeLeft) {
  Report report{.gpus = {OneGpu()}};
  Growth& growth = report.gpus[0].growth;
  growth.kind = GrowthKind::kGrowing;
  growth.certain = true;
  growth.bytes_per_second = Interval{.value = 1048576, .low = 1000000, .high = 1100000};
  growth.seconds_left = Interval{.value = 600, .low = 500, .high = 1e300 * 1e300};
  const std::string text = Exposition(report, 1, "1");
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_memory_leaking{gpu=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_memory_growth_bytes_per_second{gpu=\"0\"} 1048576\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_memory_exhaustion_seconds{gpu=\"0\"} 600\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_memory_exhaustion_earliest_seconds{gpu=\"0\"} 500\n"));
}

TEST(Exposition, PhasesAheadHaveAMargin) {
  Report report{.gpus = {OneGpu()}};
  EXPECT_THAT(Exposition(report, 1, "1"), Not(HasSubstr("next_phase")));
  report.gpus[0].ahead = {{.phase = Phase::kCoreMetric,
                           .step = 2000,
                           .verdict = PhaseVerdict::kWillFail,
                           .needs = 9_GiB,
                           .needs_low = 8_GiB,
                           .needs_high = 10_GiB,
                           .room = 7_GiB,
                           .short_by = 2_GiB}};
  const std::string text = Exposition(report, 1, "1");
  EXPECT_THAT(text, HasSubstr("vramcast_next_phase_margin_bytes{gpu=\"0\",phase=\"core_metric\"} "
                              "-2147483648\n"));
  EXPECT_THAT(text,
              HasSubstr("vramcast_next_phase_best_margin_bytes{gpu=\"0\",phase=\"core_metric\""
                        "} -1073741824\n"));
}

TEST(Exposition, ProcessesAreSummedByNameAndNeverByNumber) {
  Report report{.gpus = {OneGpu()}};
  for (int64_t pid = 1; pid <= 100; ++pid) {
    report.gpus[0].processes.push_back(
        {.sample = {.pid = pid,
                    .leftover = pid == 7,
                    .name = pid <= 60 ? "python3" : "job" + std::to_string(pid),
                    .used = 1_MiB}});
  }
  const std::string text = Exposition(report, 1, "1");
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_processes{gpu=\"0\",process=\"python3\"} 60\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_processes{gpu=\"0\",process=\"other\"} 26\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_leftover_processes{gpu=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("vramcast_gpu_leftover_memory_bytes{gpu=\"0\"} 1048576\n"));
  EXPECT_THAT(text, Not(HasSubstr("pid")));
}

TEST(Exposition, InstancesOfADividedGpuAreTold) {
  Report report{.gpus = {OneGpu()}};
  report.gpus[0].sample.id = "MIG-9";
  EXPECT_THAT(
      Exposition(report, 1, "1"),
      HasSubstr("vramcast_gpu_memory_used_bytes{gpu=\"0\",instance_uuid=\"MIG-9\"} 6442450944\n"));
}

}  // namespace
}  // namespace vramcast::monitor
