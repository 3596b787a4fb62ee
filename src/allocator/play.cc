#include "allocator/play.h"

#include "allocator/player.h"

namespace vramcast {

void OccupyStart(const Trace& trace, SimulatedDevice& device) {
  for (const StartSegment& segment : trace.start) {
    if (!segment.is_expandable) {
      device.Occupy(segment.address, segment.size.count());
      continue;
    }
    device.OccupyRange(segment.address, segment.size.count());
    for (const StartBlock& block : segment.blocks) {
      if (block.state != BlockState::kUnmapped) device.Occupy(segment.address, block.size.count());
    }
  }
}

namespace {

void StepThrough(const Trace& trace, Player& player) {
  const auto count = static_cast<uint32_t>(trace.events.size());
  for (uint32_t i = 0; i < count; ++i) {
    if (!player.Step(i)) break;
  }
}

}  // namespace

Run Play(const Trace& trace, const AllocatorSettings& settings, const DeviceSpec& spec) {
  SimulatedDevice device(spec);
  OccupyStart(trace, device);
  Player player(trace, settings, device);
  StepThrough(trace, player);
  return player.Finish();
}

Outcome PlayToDeath(const Trace& trace, const AllocatorSettings& settings, const DeviceSpec& spec) {
  SimulatedDevice device(spec);
  OccupyStart(trace, device);
  Player player(trace, settings, device);
  StepThrough(trace, player);
  return {player.oom(), device.room_from(), device.room_below()};
}

}  // namespace vramcast
