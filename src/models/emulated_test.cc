// Forecasts beside what real PyTorch allocated: every run within 3 %, the median within 1 %.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/testing/records.h"

namespace vramcast::models {
namespace {

std::string SourceFolder() {
  // src/models/emulated_test.cc
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().string();
}

TEST(EmulatedModels, PeaksAgreeWithRealPyTorch) {
  const std::string path = recorded::IndexPath(SourceFolder());
  const std::vector<recorded::ModelRecord> records = recorded::ReadRecords(path);
  if (records.empty()) GTEST_SKIP() << "no transformers runs in " << path << "; set VRAMCAST_DATA";
  std::vector<double> errors;
  for (const recorded::ModelRecord& record : records) {
    const vramcast::Run run = recorded::PlayRecord(record);
    const double error = (run.peak.allocated.mib() / record.allocated_mib - 1) * 100;
    EXPECT_LE(std::abs(error), 3) << record.id << ": " << run.peak.allocated.mib() << " MiB, not "
                                  << record.allocated_mib;
    errors.push_back(std::abs(error));
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LE(errors[errors.size() / 2], 1);
}

TEST(EmulatedModels, IntervalsHoldTheTruth) {
  const std::string path = recorded::IndexPath(SourceFolder());
  const std::vector<recorded::ModelRecord> records = recorded::ReadRecords(path);
  if (records.empty()) GTEST_SKIP() << "no transformers runs in " << path << "; set VRAMCAST_DATA";
  for (const recorded::ModelRecord& record : records) {
    if (recorded::PlayRecord(record).oom) continue;  // died before its peak
    const auto made = Make(record.request);
    ASSERT_TRUE(made) << record.id;
    EXPECT_LE(made->interval.low.mib(), record.allocated_mib) << record.id;
    EXPECT_GE(made->interval.high.mib(), record.allocated_mib) << record.id;
  }
}

}  // namespace
}  // namespace vramcast::models
