// The replay against real recordings: every address, segment, map and unmap of VRAMCAST_DATA's
// snapshots, and one program under settings and on cards that it was really run with.
#include "cli/testing/recorded_runs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/scale.h"

namespace vramcast::cli {
namespace {

using recorded::RecordedRun;

// src/cli/recorded_runs_test.cc
std::filesystem::path Data() {
  const auto source = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  return recorded::DataFolder(source.string());
}

void ExpectAsRecorded(const RecordedRun& run) {
  SCOPED_TRACE(run.id);
  const auto loaded = LoadRecording(run.path, {});
  ASSERT_TRUE(loaded) << loaded.error().message;
  const recorded::Unknowable unknowable = recorded::UnknowableOf(run);
  int64_t peak_allocated = 0;
  for (const recorded::DeviceTruth& truth : run.devices) {
    SCOPED_TRACE(truth.device);
    ASSERT_LT(truth.device, loaded->proofs.size());
    const Proof& proof = loaded->proofs[truth.device];
    EXPECT_EQ(loaded->recording->devices[truth.device].trace.events.size(), truth.events);
    EXPECT_EQ(proof.allocations, truth.allocations);
    EXPECT_EQ(proof.run.peak.reserved.count(), truth.peak_reserved);
    EXPECT_EQ(loaded->AllocatedAtEnd(truth.device).count(), truth.allocated_at_end);

    EXPECT_EQ(proof.at_recorded_address, proof.predicted);
    EXPECT_EQ(proof.late_slack, unknowable.late_slack);
    EXPECT_EQ(proof.allocations - proof.predicted - proof.late_slack, unknowable.unclaimed);
    EXPECT_EQ(proof.segments_predicted, proof.segments);
    EXPECT_TRUE(proof.ooms_predicted);
    if (unknowable.end_is_known) {
      EXPECT_EQ(proof.final_blocks_equal, proof.final_blocks);
      EXPECT_TRUE(proof.final_free_equal);
    }
    peak_allocated = std::max(peak_allocated, proof.run.peak.allocated.count());
  }
  EXPECT_EQ(peak_allocated, run.peak_allocated.value_or(peak_allocated));
}

TEST(RecordedRuns, PublicSnapshotsReplayToTheByte) {
  const std::vector<RecordedRun> runs = recorded::ReadRuns(Data(), "snapshots");
  if (runs.empty()) GTEST_SKIP() << "no snapshots in " << Data() << "; set VRAMCAST_DATA";
  for (const RecordedRun& run : runs) ExpectAsRecorded(run);
}

TEST(RecordedRuns, EmulatedRunsReplayToTheByte) {
  const std::vector<RecordedRun> runs = recorded::ReadRuns(Data(), "emulated");
  if (runs.empty()) GTEST_SKIP() << "no emulated runs in " << Data() << "; set VRAMCAST_DATA";
  for (const RecordedRun& run : runs) ExpectAsRecorded(run);
}

// Runs that were really made, predicted from one of them: `from` and all its members on one
// version of PyTorch and at one batch size.
void ExpectWhatIf(const std::string& from) {
  const std::vector<RecordedRun> runs = recorded::ReadRuns(Data(), "emulated");
  const auto source =
      std::find_if(runs.begin(), runs.end(), [&](const auto& run) { return run.id == from; });
  if (source == runs.end()) GTEST_SKIP() << "no " << from << " in " << Data();
  const auto loaded = LoadRecording(source->path, {});
  ASSERT_TRUE(loaded) << loaded.error().message;
  int members = 0;
  for (const RecordedRun& run : runs) {
    if (run.group != source->group || run.torch != source->torch || run.batch != source->batch) {
      continue;
    }
    SCOPED_TRACE(run.id);
    ++members;
    const Run predicted = recorded::PlayLike(*loaded, run);
    EXPECT_EQ(predicted.oom.has_value(), run.died);
    const auto allocated = static_cast<double>(predicted.peak.allocated.count());
    const auto reserved = static_cast<double>(predicted.peak.reserved.count());
    EXPECT_NEAR(
        recorded::PercentOff(allocated, static_cast<double>(run.peak_allocated.value_or(0))), 0,
        0.1);
    EXPECT_NEAR(recorded::PercentOff(reserved, static_cast<double>(run.peak_reserved)), 0, 1);
    if (run.alloc_conf == "expandable_segments:True") {
      EXPECT_EQ(predicted.peak.allocated.count(), run.peak_allocated);
      EXPECT_EQ(predicted.peak.reserved.count(), run.peak_reserved);
    }
  }
  EXPECT_GE(members, 2);
}

TEST(WhatIf, FromDefaultSettingsEveryRunComesOutAsItDid) { ExpectWhatIf("v-default"); }
TEST(WhatIf, FromExpandableSegmentsEveryRunComesOutAsItDid) { ExpectWhatIf("v-expandable"); }

// Each batch size of the program, predicted from its recordings at two others.
TEST(WhatIf, AnotherBatchIsPredictedFromTwo) {
  const std::vector<RecordedRun> runs = recorded::ReadRuns(Data(), "emulated");
  std::vector<std::pair<const RecordedRun*, LoadedRecording>> batches;
  for (const RecordedRun& run : runs) {
    if (run.group.empty() || run.retries > 0 || !run.alloc_conf.empty()) continue;
    const auto same = [&](const auto& other) { return other.first->batch == run.batch; };
    if (!run.torch.starts_with("2.9") || std::any_of(batches.begin(), batches.end(), same)) {
      continue;
    }
    auto loaded = LoadRecording(run.path, {});
    ASSERT_TRUE(loaded) << loaded.error().message;
    batches.emplace_back(&run, std::move(*loaded));
  }
  if (batches.size() < 3) GTEST_SKIP() << "no program at three batch sizes in " << Data();
  for (const auto& [from, recording] : batches) {
    for (const auto& [with, other] : batches) {
      for (const auto& [to, truth] : batches) {
        if (from == with || from == to || with == to) continue;
        SCOPED_TRACE(from->id + " with " + with->id + " to " + to->id);
        const double factor = static_cast<double>(to->batch) / static_cast<double>(from->batch);
        const Program program = ProgramOf(recording.recording->devices[0], recording.proofs[0],
                                          recording.settings, recording.settings, {});
        const ScaledProgram scaled =
            ScaleBatch(program.trace, *recording.recording, *other.recording, 0, factor);
        EXPECT_TRUE(scaled.aligned);
        EXPECT_DOUBLE_EQ(scaled.batch_ratio,
                         static_cast<double>(with->batch) / static_cast<double>(from->batch));
        const vramcast::Run run =
            Play(scaled.trace, recording.settings, {.address_order = program.address_order});
        const vramcast::Run& known = truth.proofs[0].run;
        EXPECT_EQ(run.peak.allocated.count(), known.peak.allocated.count());
        EXPECT_NEAR(recorded::PercentOff(static_cast<double>(run.peak.reserved.count()),
                                         static_cast<double>(known.peak.reserved.count())),
                    0, 0.5);
      }
    }
  }
}

}  // namespace
}  // namespace vramcast::cli
