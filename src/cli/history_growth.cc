#include "cli/history_growth.h"

#include <fmt/format.h>

#include <cmath>

namespace vramcast::cli {

using monitor::Growth;
using monitor::GrowthKind;

Result<std::map<int64_t, Growth>> GrowthOf(const store::HistoryReader& reader,
                                           const store::RunRow& run) {
  std::map<int64_t, monitor::GrowthDetector> detectors;
  const Status read = reader.Points({.run = run.id}, [&](const store::Point& point) {
    detectors[point.gpu].Add(point.time, point.used);
    return true;
  });
  if (!read) return tl::make_unexpected(read.error());
  std::map<int64_t, Growth> growth;
  for (const store::GpuRow& gpu : run.gpus) {
    const auto detector = detectors.find(gpu.id);
    if (detector != detectors.end()) growth[gpu.id] = detector->second.Assess(gpu.capacity);
  }
  return growth;
}

std::string GrowthWords(const Growth& growth) {
  switch (growth.kind) {
    case GrowthKind::kTooEarly:
      return "too short to tell";
    case GrowthKind::kSteady:
      return "steady";
    case GrowthKind::kJumped:
      return fmt::format("a jump of {}", FormatBytes(growth.jump.value_or(Bytes(0))));
    case GrowthKind::kGrowing:
      break;
  }
  const double per_minute = growth.bytes_per_second ? growth.bytes_per_second->value * 60 : 0;
  return fmt::format("+{} per minute", FormatBytes(Bytes(std::llround(per_minute))));
}

}  // namespace vramcast::cli
