#include "trace/file.h"

#include <gtest/gtest.h>
#include <zstd.h>

namespace vramcast {
namespace {

std::string Unpack(const std::string& packed) {
  std::string content(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
  content.resize(ZSTD_decompress(content.data(), content.size(), packed.data(), packed.size()));
  return content;
}
Result<Recording> Read(const std::string& content) {
  return ReadTraceContent({reinterpret_cast<const uint8_t*>(content.data()), content.size()});
}

Recording Example() {
  Recording recording;
  recording.frames.push_back(
      {recording.strings.Intern("model.py"), recording.strings.Intern("forward"), 12});
  const StackId stack = recording.stacks.Intern(std::vector<FrameId>{{0}});
  recording.settings =
      RecordedSettings{.conf = "max_split_size_mb:64", .max_split_size = Bytes(64 << 20)};
  recording.generation = {{2, 9}, {2, 9}};
  DeviceRecording& device = recording.devices.emplace_back();
  device.trace.allocation_count = 2;
  device.trace.events = {
      {Action::kAlloc, Phase::kUnknown, 0, {0}, Bytes(1000), {}, stack},
      {Action::kFreeCompleted, Phase::kUnknown, 0, {1}, Bytes(70), {}, {}},
      {Action::kFreeRequested, Phase::kUnknown, 0, {0}, Bytes(1000), {}, {}},
      {Action::kFreeCompleted, Phase::kUnknown, 0, {0}, Bytes(1000), {}, {}},
  };
  device.addresses = {0x7f0000001000, 0x7f0000000000, 0x7f0000001000, 0x7f0000001000};
  device.times_us = {10, 20, 30, 30};
  device.carried.push_back({.allocation = {1}, .address = 0x7f0000000000, .requested = Bytes(70)});
  device.segments.push_back({.address = 0x7f0000000000,
                             .size = Bytes(2 << 20),
                             .blocks = {{0x7f0000000000, Bytes(2 << 20)}}});
  return recording;
}

TEST(TraceFile, KeepsTheRecording) {
  const auto again = Read(Unpack(WriteTraceFile(Example())));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  const DeviceRecording& device = again->devices.at(0);
  EXPECT_EQ(device.addresses, Example().devices[0].addresses);
  EXPECT_EQ(device.times_us, Example().devices[0].times_us);
  EXPECT_EQ(device.trace.events[3].allocation, AllocationId{0});
  EXPECT_EQ(device.trace.events[3].size, Bytes(1000));
  EXPECT_EQ(device.carried.at(0).requested, Bytes(70));
  EXPECT_EQ(device.segments.at(0).blocks.at(0).size, Bytes(2 << 20));
  EXPECT_EQ(again->settings->max_split_size, Bytes(64 << 20));
  EXPECT_EQ(again->strings[again->frames.at(0).function], "forward");
}

// Columns are kept as differences, and times of foreign files may lie as far apart as can be.
TEST(TraceFile, KeepsTimesAtBothEnds) {
  Recording recording = Example();
  recording.devices[0].times_us = {INT64_MAX, INT64_MIN, 0, INT64_MAX};
  const auto again = Read(Unpack(WriteTraceFile(recording)));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->devices.at(0).times_us, recording.devices[0].times_us);
}

TEST(TraceFile, DamageIsAnErrorWithItsOffset) {
  const std::string whole = Unpack(WriteTraceFile(Example()));
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto recording = Read(whole.substr(0, n));
    ASSERT_FALSE(recording.has_value()) << n;
    EXPECT_EQ(recording.error().kind, ErrorKind::kUnreadable);
    EXPECT_TRUE(recording.error().offset.has_value());
  }
}

TEST(TraceFile, MoreAllocationsThanBytesIsDamage) {
  const Recording empty = {.devices = std::vector<DeviceRecording>(1)};
  std::string content = Unpack(WriteTraceFile(empty));
  // The device begins behind the tables: no allocations, no events.
  Recording without;
  const size_t at = Unpack(WriteTraceFile(without)).size();
  ASSERT_EQ(content[at], 0);
  content.replace(at, 1, "\xff\xff\xff\xff\x0e");  // 4 billion of them
  const auto recording = Read(content);
  ASSERT_FALSE(recording.has_value());
  EXPECT_EQ(recording.error().kind, ErrorKind::kUnreadable);
}

// A run that died names fewer allocations than its program makes.
TEST(TraceFile, KeepsNoAllocationThatNothingNames) {
  Recording recording = Example();
  recording.devices[0].trace.allocation_count = 1000000;
  const auto again = Read(Unpack(WriteTraceFile(recording)));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->devices.at(0).trace.allocation_count, 2u);
}

}  // namespace
}  // namespace vramcast
