// A recording made from any bytes, with contradictions no reader would pass on, replayed.
#include <cstddef>

#include "analysis/growth.h"
#include "analysis/moment.h"
#include "analysis/proof.h"
#include "analysis/record.h"
#include "analysis/whatif.h"

using namespace vramcast;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Recording recording;
  DeviceRecording& device = recording.devices.emplace_back();
  size_t at = 0;
  const auto byte = [&]() -> uint64_t { return at < size ? data[at++] : 0; };
  const uint64_t flags = byte();
  device.trace.streams = {0, 7};
  device.trace.allocation_count = 16;
  for (uint64_t n = byte() % 4; n > 0; --n) {
    RecordedSegment segment;
    segment.address = 0x7f0000000000 + (byte() << 21);
    segment.size = Bytes(static_cast<int64_t>(1 + byte() % 40) << 20);
    segment.is_small = byte() & 1;
    segment.is_expandable = flags & 1;
    device.segments.push_back(segment);
  }
  for (uint32_t n = static_cast<uint32_t>(byte() % 6); n > 0; --n) {
    Carried carried;
    carried.allocation = {n};
    carried.address = 0x7f0000000000 + (byte() << 19);
    carried.requested = Bytes(static_cast<int64_t>(byte() << 14));
    carried.pending = byte() & 1;
    device.carried.push_back(carried);
  }
  while (at < size && device.trace.events.size() < 300) {
    Event event;
    event.action = static_cast<Action>(byte() % 10);
    event.allocation = {static_cast<uint32_t>(byte() % 18)};
    event.stream = static_cast<StreamId>(byte() % 2);
    event.size = Bytes(static_cast<int64_t>(byte() << (byte() % 24)));
    device.trace.events.push_back(event);
    device.addresses.push_back(0x7f0000000000 + (byte() << 18));
  }
  AllocatorSettings settings = RecordedAllocator(recording, TorchVersion{2, 9});
  if (flags & 2) settings.max_split_size = Bytes(32 << 20);
  ReconstructStart(device, settings);
  const Proof proof = Prove(device, settings);
  LiveAt(device, proof.units, kStartOfTrace);
  FindGrowth(device, proof.units);
  Timeline(device, proof.units, 10);
  AllocatorSettings other = settings;
  other.expandable_segments = !settings.expandable_segments;
  for (const AllocatorSettings& wanted : {settings, other}) {
    const DeviceSpec small = {.total = Bytes(200 << 20)};
    const Program program = ProgramOf(device, proof, settings, wanted, small);
    Run run = Record(program.trace, wanted, small).run;
    CountFromRecording(program, &run);
  }
  return 0;
}
