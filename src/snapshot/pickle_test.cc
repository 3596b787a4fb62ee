#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "snapshot/read.h"
#include "snapshot/write.h"

namespace vramcast::snapshot {
namespace {

using testing::HasSubstr;

Result<Recording> Read(const std::string& bytes, const ReadLimits& limits = {}) {
  return ReadSnapshot({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, limits);
}

std::string Word(const std::string& text) {
  return std::string("\x8c") + static_cast<char>(text.size()) + text;
}
std::string Int(uint64_t value) {
  std::string bytes = "\x8a\x09";
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes + std::string(1, '\0');
}
std::string Pair(const std::string& key, const std::string& value) { return Word(key) + value; }
std::string Dict(const std::string& items) { return "}(" + items + "u"; }
std::string List(const std::string& items) { return items.empty() ? "]" : "](" + items + "e"; }
std::string Event(const std::string& action, uint64_t address, uint64_t size) {
  return Dict(
      Pair("action", Word(action)) + Pair("addr", Int(address)) + Pair("size", Int(size)) +
      Pair("stream", "K" + std::string(1, '\0')) +
      Pair("frames", List(Dict(Pair("name", Word("forward")) + Pair("filename", Word("model.py")) +
                               Pair("line", Int(UINT64_MAX))))));
}
std::string Snapshot(const std::string& events, const std::string& segments = "") {
  return std::string("\x80\x04") +
         Dict(Pair("segments", List(segments)) + Pair("device_traces", List(List(events)))) + ".";
}
std::string Segment(uint64_t address, uint64_t size, const std::string& blocks) {
  return Dict(Pair("device", "K" + std::string(1, '\0')) + Pair("address", Int(address)) +
              Pair("total_size", Int(size)) + Pair("stream", "K" + std::string(1, '\0')) +
              Pair("segment_type", Word("large")) + Pair("blocks", List(blocks)));
}
std::string RecordedBlockOf(uint64_t size, const std::string& state) {
  return Dict(Pair("size", Int(size)) + Pair("state", Word(state)));
}

constexpr uint64_t kBase = 0x7f0000000000;

TEST(PickleReader, ReadsEventsStacksAndSegments) {
  const auto recording = Read(Snapshot(
      Event("alloc", kBase, 1000) + Event("free_requested", kBase, 1000) +
          Event("free_completed", kBase, 1000) + Event("alloc", kBase + 4096, 50),
      Segment(kBase, 20 << 20,
              RecordedBlockOf(4096, "inactive") + RecordedBlockOf(512, "active_allocated") +
                  RecordedBlockOf((20 << 20) - 4608, "inactive"))));
  ASSERT_TRUE(recording.has_value()) << recording.error().message;
  ASSERT_EQ(recording->devices.size(), 1u);
  const DeviceRecording& device = recording->devices[0];
  ASSERT_EQ(device.trace.events.size(), 4u);
  EXPECT_EQ(device.trace.events[0].size, Bytes(1000));
  EXPECT_EQ(device.trace.events[1].allocation, device.trace.events[0].allocation);
  EXPECT_EQ(device.addresses[3], kBase + 4096);
  EXPECT_EQ(device.trace.events[0].stack, device.trace.events[3].stack);
  ASSERT_EQ(recording->stacks.size(), 1u);
  EXPECT_EQ(recording->frames[0].line, UINT64_MAX);
  // Up to 2.0 blocks do not state their address.
  ASSERT_EQ(device.segments[0].blocks.size(), 3u);
  EXPECT_EQ(device.segments[0].blocks[1].address, kBase + 4096);
  EXPECT_TRUE(device.carried.empty());
  EXPECT_EQ(device.skipped.total(), 0u);
}

TEST(PickleReader, WhatWasThereBeforeIsCarried) {
  const auto recording = Read(Snapshot(Event("free_completed", kBase, 700)));
  ASSERT_TRUE(recording.has_value());
  ASSERT_EQ(recording->devices[0].carried.size(), 1u);
  EXPECT_EQ(recording->devices[0].carried[0].requested, Bytes(700));
}

TEST(PickleReader, CountsWhatItDoesNotKnow) {
  const auto recording = Read(Snapshot(
      Dict(Pair("action", Word("teleport")) + Pair("addr", Int(1)) + Pair("size", Int(1))) +
      Dict(Pair("action", Word("alloc")) + Pair("size", Word("many"))) +
      Dict(Pair("action", Word("snapshot")) + Pair("mood", Int(3)))));
  ASSERT_TRUE(recording.has_value());
  const DeviceRecording& device = recording->devices[0];
  EXPECT_EQ(device.trace.events.size(), 1u);
  EXPECT_EQ(device.skipped.unknown_actions, 1u);
  EXPECT_EQ(device.skipped.odd_events, 1u);
  EXPECT_EQ(recording->unknown_keys.at("mood"), 1u);
}

TEST(PickleReader, AnAddressGivenOutTwiceWasFreedInBetween) {
  const auto recording = Read(Snapshot(Event("alloc", kBase, 512) + Event("alloc", kBase, 512)));
  ASSERT_TRUE(recording.has_value());
  const auto& events = recording->devices[0].trace.events;
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[1].action, Action::kFreeCompleted);
  EXPECT_EQ(recording->devices[0].skipped.lost_frees, 1u);
}

TEST(PickleReader, RefusesWhatWouldRunCode) {
  const auto recording = Read(
      "\x80\x04"
      "cos\nsystem\n(S'true'\ntR.");
  ASSERT_FALSE(recording.has_value());
  EXPECT_EQ(recording.error().kind, ErrorKind::kUnreadable);
  EXPECT_EQ(recording.error().offset, 2u);
  EXPECT_THAT(recording.error().message, HasSubstr("0x63"));
}

TEST(PickleReader, APickleOfSomethingElseIsRefusedWithItsOffset) {
  const std::string head = "\x80\x04";
  const std::string five = "K\x05";
  const std::string not_a_snapshot[] = {
      head + five + ".",
      head + Dict(Pair("epoch", five)) + ".",
      head + Dict(Pair("segments", five) + Pair("device_traces", List(""))) + ".",
      head + Dict(Pair("segments", List(five + five))) + ".",
      head + Dict(Pair("segments", List("")) + Pair("device_traces", "}")) + ".",
      head + Dict(Pair("device_traces", List(List(five + five)))) + ".",
  };
  for (const std::string& bytes : not_a_snapshot) {
    const auto recording = Read(bytes);
    ASSERT_FALSE(recording.has_value()) << bytes;
    EXPECT_EQ(recording.error().kind, ErrorKind::kUnreadable);
    EXPECT_THAT(recording.error().message, HasSubstr("not a memory snapshot"));
    EXPECT_EQ(recording.error().offset, bytes.size());
  }
}

TEST(PickleReader, AnEventInTwoListsIsUsedOnce) {
  const std::string event = Event("alloc", kBase, 512) + "\x94";
  const std::string again("h\0", 2);
  const auto recording = Read(
      "\x80\x04" +
      Dict(Pair("segments", "]") + Pair("device_traces", List(List(event + again) + List(again)))) +
      ".");
  ASSERT_TRUE(recording.has_value()) << recording.error().message;
  ASSERT_EQ(recording->devices.size(), 2u);
  EXPECT_EQ(recording->devices[0].trace.events.size(), 1u);
  EXPECT_EQ(recording->devices[0].skipped.odd_events, 1u);
  EXPECT_TRUE(recording->devices[1].trace.events.empty());
  EXPECT_EQ(recording->devices[1].skipped.odd_events, 1u);
}

// CPython's pickler begins a new frame wherever 64 KiB are full, in the middle of an event too.
TEST(PickleReader, AFrameMayBeginAnywhereInAnEvent) {
  const std::string frame = "\x95" + std::string(8, '\x7f');
  const auto snapshot = [&](const std::string& key, const std::string& value,
                            const std::string& list) {
    std::string bytes = "\x80\x04";
    const char* const words[] = {"action", "alloc", "addr", "size", "stream", "frames", "free"};
    bytes += "](";
    for (const char* const word : words) bytes += Word(word) + "\x94";  // remembered as 0 to 6
    bytes += Dict(Pair("name", Word("f")) + Pair("filename", Word("a.py")) + Pair("line", "K\x03"));
    bytes +=
        "\x94"
        "e0"
        "}(" +
        Pair("segments", "]") + Word("device_traces") + "](](";  // the frame: 7
    for (int i = 0; i < 4; ++i) {
      const auto get = [](int nth) { return std::string("h") + static_cast<char>(nth - 1); };
      bytes += "}\x94(" + get(1) + get(2) + (i == 3 ? key : "") + get(3) + (i == 3 ? value : "") +
               std::string("\x8a\x06\x00\x00", 4) + static_cast<char>(i) +
               std::string("\x00\x00\x7f", 3) + get(4) + "M\x01\x02" + get(5) +
               std::string("K\0", 2) + get(6) + "]\x94(" + get(8) + (i == 3 ? list : "") + get(8) +
               "eu";
    }
    return bytes + "eeu" + std::string(100, 'N') + std::string(100, '0') + ".";
  };
  const auto plain = Read(snapshot("", "", ""));
  ASSERT_TRUE(plain.has_value()) << plain.error().message;
  for (const auto& bytes : {snapshot(frame, "", ""), snapshot("", frame, ""),
                            snapshot("", "", frame), snapshot(frame, frame, frame)}) {
    const auto framed = Read(bytes);
    ASSERT_TRUE(framed.has_value()) << framed.error().message;
    ASSERT_EQ(framed->devices[0].trace.events.size(), 4u);
    EXPECT_EQ(framed->devices[0].addresses, plain->devices[0].addresses);
    EXPECT_EQ(framed->devices[0].trace.events[3].stack, plain->devices[0].trace.events[0].stack);
    EXPECT_EQ(framed->devices[0].trace.events[3].size, Bytes(0x201));
  }
}

TEST(PickleReader, AnEmptySnapshotTellsNoVersion) {
  const auto recording =
      Read("\x80\x04" + Dict(Pair("segments", "]") + Pair("device_traces", List("]]"))) + ".");
  ASSERT_TRUE(recording.has_value()) << recording.error().message;
  EXPECT_EQ(recording->devices.size(), 2u);
  EXPECT_LT(recording->generation.earliest, std::pair(2, 0));
  EXPECT_GE(recording->generation.latest, std::pair(2, 15));
}

TEST(PickleReader, EveryTruncationIsAnErrorWithItsOffset) {
  const std::string whole = Snapshot(Event("alloc", kBase, 1000),
                                     Segment(kBase, 2 << 20, RecordedBlockOf(512, "inactive")));
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto recording = Read(whole.substr(0, n));
    ASSERT_FALSE(recording.has_value()) << n;
    EXPECT_EQ(recording.error().kind, ErrorKind::kUnreadable);
    EXPECT_LE(recording.error().offset.value_or(0), n);
  }
}

TEST(PickleReader, LiesAboutLengthsAreFoundOut) {
  const std::string four_gigabytes("\x80\x04X\xff\xff\xff\xff", 7);
  EXPECT_THAT(Read(four_gigabytes + "abc").error().message, HasSubstr("claims"));
  EXPECT_FALSE(Read(std::string("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", 11)).has_value());
  EXPECT_FALSE(Read(std::string("\x80\x04]r\xff\xff\xff\xff.", 9)).has_value());
}

TEST(PickleReader, NestingAndMemoryAreBounded) {
  EXPECT_THAT(Read("\x80\x04" + std::string(100000, '(')).error().message,
              HasSubstr("nested too deeply"));
  ReadLimits limits;
  limits.memory = 1 << 20;
  EXPECT_THAT(Read("\x80\x04" + std::string(4 << 20, 'N'), limits).error().message,
              HasSubstr("memory"));
}

// What a packed file of a few kilobytes can hold.
TEST(PickleReader, ValuesThatWaitForTheirListAreBounded) {
  ReadLimits limits;
  limits.waiting = 1 << 16;
  EXPECT_THAT(Read("\x80\x04" + std::string(4 << 20, ']'), limits).error().message,
              HasSubstr("too many values"));
}

TEST(PickleReader, OtherPicklesAreNotSnapshots) {
  EXPECT_THAT(Read("\x80\x04K\x01.").error().message, HasSubstr("not a memory snapshot"));
  EXPECT_FALSE(Read("").has_value());
  EXPECT_FALSE(Read("hello").has_value());
}

TEST(ReadSnapshot, JsonDumpsAreTheSame) {
  const auto recording = Read(R"({"segments": [], "device_traces": [[], [
      {"action": "alloc", "addr": 139637976727552, "size": 700, "stream": 0, "frames":
        [{"name": "f", "filename": "a.py", "line": 3}], "time_us": 5}]]})");
  ASSERT_TRUE(recording.has_value()) << recording.error().message;
  ASSERT_EQ(recording->devices.size(), 2u);
  ASSERT_EQ(recording->devices[1].trace.events.size(), 1u);
  EXPECT_EQ(recording->devices[1].trace.events[0].size, Bytes(700));
  EXPECT_FALSE(Read(R"({"segments": [)").has_value());
}

TEST(ReadSnapshot, ReadsPagesOfMemoryViz) {
  // base64 of an empty snapshot: {"segments": [], "device_traces": []}
  const std::string pickle = Snapshot("");
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : pickle) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    count += 8;
    while (count >= 6) {
      count -= 6;
      text += kDigits[bits >> count & 63];
    }
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 63];
  const auto recording =
      Read("<!DOCTYPE html><script>const files = [{\"name\": \"a\", \"base64\": \"" + text +
           "=\"}]</script>");
  ASSERT_TRUE(recording.has_value()) << recording.error().message;
  EXPECT_FALSE(Read("<html>nothing</html>").has_value());
}

RC_GTEST_PROP(PickleReader, AnyBytesEndInAnAnswer, (std::string bytes)) {
  ReadLimits limits;
  limits.memory = 16 << 20;
  const auto recording = Read("\x80\x04" + bytes, limits);
  if (!recording) RC_ASSERT(recording.error().kind == ErrorKind::kUnreadable);
}

// A reader tells versions apart by the keys that each added.
TEST(WriteSnapshot, HasTheKeysOfItsVersion) {
  auto recording = Read(Snapshot(Event("alloc", kBase, 512),
                                 Segment(kBase, 2 << 20, RecordedBlockOf(2 << 20, "inactive"))));
  ASSERT_TRUE(recording.has_value());
  for (const int minor : {7, 8, 9, 11, 12}) {
    recording->generation = {{2, minor}, {2, minor}};
    const auto again = Read(WriteSnapshot(*recording));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_LE(again->generation.earliest, std::pair(2, minor));
    EXPECT_GE(again->generation.latest, std::pair(2, minor));
    EXPECT_TRUE(again->unknown_keys.empty());
  }
}

RC_GTEST_PROP(WriteSnapshot, WhatIsWrittenIsReadBack, ()) {
  std::string events;
  const int count = *rc::gen::inRange(0, 2500);
  for (int i = 0; i < count; ++i) {
    events += Event("alloc", kBase + 512 * static_cast<uint64_t>(i), 1 + i % 700);
  }
  const auto first =
      Read(Snapshot(events, Segment(kBase, 20 << 20, RecordedBlockOf(20 << 20, "inactive"))));
  RC_ASSERT(first.has_value());
  const auto again = Read(WriteSnapshot(*first));
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->devices[0].addresses == first->devices[0].addresses);
  RC_ASSERT(again->devices[0].segments.size() == first->devices[0].segments.size());
  for (int i = 0; i < count; ++i) {
    RC_ASSERT(again->devices[0].trace.events[i].size == first->devices[0].trace.events[i].size);
  }
}

}  // namespace
}  // namespace vramcast::snapshot
