#include "analysis/proof.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "analysis/growth.h"
#include "analysis/moment.h"
#include "analysis/record.h"
#include "analysis/scale.h"
#include "analysis/whatif.h"

namespace vramcast {
namespace {

using namespace literals;

// A made-up program: a model that stays, then steps that allocate and free.
Trace Program(int steps, bool leaks, int64_t batch = 1) {
  TraceBuilder builder;
  builder.Alloc(30_MiB, Category::kParameters, "weights");
  for (int step = 0; step < steps; ++step) {
    std::vector<AllocationId> live;
    for (int i = 1; i <= 12; ++i) {
      live.push_back(builder.Alloc(Bytes(batch * i * 700000), Category::kActivations, "hidden"));
      builder.Free(builder.Alloc(Bytes(4000 * i), Category::kOther, "scratch"));
    }
    if (leaks) builder.Alloc(Bytes(3000), Category::kOther, "loss kept in a list");
    while (!live.empty()) {
      builder.Free(live.back());
      live.pop_back();
    }
  }
  return std::move(builder).Take();
}

AllocatorSettings Conf(std::string_view conf) { return *ParseAllocConf(conf); }

// Gives each label a stack of its own, as a recording of a real program would have.
Recording AsRecording(const Trace& trace, DeviceRecording device) {
  Recording recording;
  for (const Label& label : trace.labels) {
    const FrameId frame{static_cast<uint32_t>(recording.frames.size())};
    recording.frames.push_back({recording.strings.Intern("train.py"),
                                recording.strings.Intern(label.name), recording.frames.size() + 1});
    recording.stacks.Intern(std::vector<FrameId>{frame});
  }
  for (Event& event : device.trace.events) {
    if (event.label.valid()) event.stack = {event.label.value};
  }
  recording.devices.push_back(std::move(device));
  return recording;
}

class Recorded : public testing::TestWithParam<const char*> {};

TEST_P(Recorded, IsProvenToTheLastAddress) {
  const AllocatorSettings settings = Conf(GetParam());
  const Replay replay = Record(Program(10, false), settings, {.total = 400_MiB});
  ASSERT_FALSE(replay.run.oom.has_value());
  DeviceRecording device = replay.recording;
  ReconstructStart(device, settings);
  EXPECT_TRUE(device.trace.start.empty());
  const Proof proof = Prove(device, settings);
  EXPECT_TRUE(proof.exact());
  EXPECT_EQ(proof.at_recorded_address, proof.allocations);
  EXPECT_EQ(proof.final_blocks_equal, proof.final_blocks);
  EXPECT_TRUE(proof.final_free_equal);
  EXPECT_EQ(proof.run.peak.allocated, replay.run.peak.allocated);
  EXPECT_EQ(proof.run.peak.reserved, replay.run.peak.reserved);
}
INSTANTIATE_TEST_SUITE_P(Settings, Recorded,
                         testing::Values("", "expandable_segments:True", "max_split_size_mb:20",
                                         "roundup_power2_divisions:4"));

// Recordings mostly begin in the middle: cut one anywhere and the rest is still explained.
RC_GTEST_PROP(Prove, AnyTailOfARecordingIsExplained, ()) {
  // Of expandable segments everything follows; of others the tail of a block may stay unknown until
  // an allocation shows it.
  const AllocatorSettings settings = Conf("expandable_segments:True");
  const Replay replay = Record(Program(6, true), settings, {});
  const size_t cut = *rc::gen::inRange<size_t>(0, replay.recording.trace.events.size());
  DeviceRecording tail;
  tail.segments = replay.recording.segments;
  tail.trace.streams = replay.recording.trace.streams;
  tail.trace.allocation_count = replay.recording.trace.allocation_count;
  std::vector<bool> known(tail.trace.allocation_count);
  for (size_t i = cut; i < replay.recording.trace.events.size(); ++i) {
    const Event& event = replay.recording.trace.events[i];
    const uint64_t address = replay.recording.addresses[i];
    tail.trace.events.push_back(event);
    tail.addresses.push_back(address);
    if (event.allocation.value >= known.size() || known[event.allocation.value]) continue;
    known[event.allocation.value] = true;
    if (event.action == Action::kAlloc) continue;
    tail.carried.push_back({.allocation = event.allocation,
                            .address = address,
                            .requested = event.size,
                            .pending = event.action == Action::kFreeCompleted});
  }
  for (size_t i = 0; i < cut; ++i) {
    const Event& event = replay.recording.trace.events[i];
    if (event.action == Action::kFreeCompleted) known[event.allocation.value] = true;
  }
  for (size_t i = 0; i < cut; ++i) {
    const Event& event = replay.recording.trace.events[i];
    if (event.action != Action::kAlloc || known[event.allocation.value]) continue;
    for (const RecordedSegment& segment : tail.segments) {
      for (const RecordedBlock& block : segment.blocks) {
        if (block.address != replay.recording.addresses[i] ||
            block.state != RecordedState::kAllocated || known[event.allocation.value]) {
          continue;
        }
        known[event.allocation.value] = true;
        tail.carried.push_back({.allocation = event.allocation,
                                .address = block.address,
                                .requested = event.size,
                                .block = block.size});
      }
    }
  }
  std::sort(tail.carried.begin(), tail.carried.end(),
            [](const Carried& a, const Carried& b) { return a.address < b.address; });
  ReconstructStart(tail, settings);
  const Proof proof = Prove(tail, settings);
  RC_ASSERT(proof.at_recorded_address + proof.late_slack == proof.allocations);
}

TEST(WhatIf, OtherSettingsAreWhatARunUnderThemRecords) {
  const AllocatorSettings plain = Conf("");
  const AllocatorSettings expandable = Conf("expandable_segments:True");
  const Trace trace = Program(8, false);
  DeviceRecording device = Record(trace, plain, {}).recording;
  ReconstructStart(device, plain);
  const auto program = ProgramOf(device, Prove(device, plain), plain, expandable, {});
  EXPECT_FALSE(program.relaid);
  EXPECT_EQ(Play(program.trace, expandable).peak.reserved, Play(trace, expandable).peak.reserved);
}

TEST(WhatIf, ASmallerCardIsWhereItDies) {
  const AllocatorSettings settings = Conf("");
  DeviceRecording device = Record(Program(3, false), settings, {}).recording;
  ReconstructStart(device, settings);
  const auto program = ProgramOf(device, Prove(device, settings), settings, settings, {});
  EXPECT_TRUE(Play(program.trace, settings, {.total = 60_MiB}).oom.has_value());
}

// Half of what was there at the beginning is cached: a device without room for all of it can still
// hold what is allocated, and one without room for that is too small from the start.
TEST(WhatIf, WhatWasThereBeforeHasToFitToo) {
  const AllocatorSettings settings = Conf("");
  DeviceRecording device;
  device.trace.start = {{.address = 0x7f0000000000,
                         .size = 100_MiB,
                         .blocks = {{.size = 100_MiB,
                                     .requested = 100_MiB,
                                     .state = BlockState::kAllocated,
                                     .allocation = {0}}}},
                        {.address = 0x7f0100000000,
                         .size = 100_MiB,
                         .blocks = {{.size = 100_MiB, .state = BlockState::kFree}}}};
  device.trace.allocation_count = 2;
  Event event;
  event.size = 60_MiB;
  event.allocation = {1};
  device.trace.events = {event};
  device.addresses = {0x7f0100000000};
  const Proof proof = Prove(device, settings);
  const auto on = [&](Bytes total) {
    return PlayAs(device, proof, settings, settings, {.total = total});
  };
  EXPECT_FALSE(on(200_MiB).oom.has_value());
  EXPECT_FALSE(on(170_MiB).oom.has_value());
  ASSERT_TRUE(on(150_MiB).oom.has_value());
  EXPECT_EQ(on(150_MiB).oom->event, 0u);
  ASSERT_TRUE(on(90_MiB).oom.has_value());
  EXPECT_EQ(on(90_MiB).oom->event, kStartOfTrace);
}

TEST(Growth, ALineThatKeepsSomethingEachStepIsALeak) {
  const AllocatorSettings settings = Conf("");
  const Trace trace = Program(60, true);
  Recording recording = AsRecording(trace, Record(trace, settings, {}).recording);
  ReconstructStart(recording.devices[0], settings);
  const Proof proof = Prove(recording.devices[0], settings);
  const Growth growth = FindGrowth(recording.devices[0], proof.units);
  ASSERT_TRUE(growth.leak);
  const Attribution attribution(recording);
  EXPECT_THAT(attribution.Line(growth.stacks.front().stack),
              testing::HasSubstr("loss kept in a list"));
}

TEST(Growth, AProgramThatGivesEverythingBackHasNone) {
  const AllocatorSettings settings = Conf("");
  const DeviceRecording device = Record(Program(60, false), settings, {}).recording;
  EXPECT_FALSE(FindGrowth(device, Prove(device, settings).units).leak);
}

TEST(Moment, TheCompositionSumsToThePeak) {
  const AllocatorSettings settings = Conf("");
  const Trace trace = Program(5, false);
  const Recording recording = AsRecording(trace, Record(trace, settings, {}).recording);
  const Proof proof = Prove(recording.devices[0], settings);
  const Attribution attribution(recording);
  Bytes sum;
  for (const Share& share :
       GroupBlocks(LiveAt(recording.devices[0], proof.units, proof.run.peak.event),
                   recording.devices[0], attribution, Grouping::kLine)) {
    sum += share.bytes;
  }
  EXPECT_EQ(sum, proof.run.peak.allocated);
}

TEST(ScaleBatch, GrowsOnlyWhatGrewBetweenTwoRecordings) {
  const AllocatorSettings settings = Conf("");
  const Trace two = Program(4, false, 2), three = Program(4, false, 3);
  const Recording a = AsRecording(two, Record(two, settings, {}).recording);
  const Recording b = AsRecording(three, Record(three, settings, {}).recording);
  const ScaledProgram scaled = ScaleBatch(a.devices[0].trace, a, b, 0, 2.0);
  EXPECT_DOUBLE_EQ(scaled.batch_ratio, 1.5);
  EXPECT_EQ(Play(scaled.trace, settings).peak.allocated,
            Play(Program(4, false, 4), settings).peak.allocated);
}

}  // namespace
}  // namespace vramcast
