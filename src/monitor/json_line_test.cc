#include "monitor/json_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "monitor/json.h"

namespace vramcast::monitor {
namespace {

using nlohmann::json;

void ExpectSame(const Report& report) {
  std::string line;
  WriteJsonLine(report, &line);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(
      json::parse(line, nullptr, false),
      json::parse(ToJson(report, "sample").dump(-1, ' ', false, json::error_handler_t::replace)))
      << line;
}

TEST(JsonLine, SaysWhatTheDocumentSays) {
  ExpectSame({});
  Report report{.time = 1760000000.25, .step = 12, .total_steps = 5000};
  ExpectSame(report);
  report.steps_per_second = Interval{.value = 0.5, .low = 0.4, .high = 0.6};
  GpuReport gpu;
  gpu.sample = {.id = "GPU-1",
                .name = "NVIDIA \"A40\" \xff caf\xc3\xa9",
                .index = 3,
                .used = Bytes(123456789012),
                .capacity = Bytes(223456789012),
                .utilisation = 97};
  gpu.peak = Bytes(7);
  gpu.growth.kind = GrowthKind::kGrowing;
  gpu.growth.certain = true;
  gpu.growth.samples = 1000;
  gpu.growth.bytes_per_second = Interval{.value = 1.5e6, .low = 1e6, .high = 2e6};
  gpu.growth.seconds_left =
      Interval{.value = 100.5, .low = 90, .high = std::numeric_limits<double>::infinity()};
  gpu.growth.jump = Bytes(5);
  gpu.processes.resize(2);
  gpu.processes[0].sample = {.pid = 77, .leftover = true, .name = "python3", .used = Bytes(5)};
  gpu.processes[1].sample = {.pid = 78, .graphics = true};
  gpu.grower = 1;
  gpu.run_pid = 77;
  gpu.ahead = {{.phase = Phase::kCoreMetric, .step = 2000, .verdict = PhaseVerdict::kWillFail},
               {.phase = Phase::kSave, .at_end = true}};
  report.gpus = {gpu, GpuReport{}};
  ExpectSame(report);
}

}  // namespace
}  // namespace vramcast::monitor
