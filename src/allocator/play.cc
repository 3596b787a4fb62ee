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

// What `read` says of the player and the device once the trace has been played, or has died.
template <typename Read>
auto PlayOn(const Trace& trace, const AllocatorSettings& settings, const DeviceSpec& spec,
            Read read) {
  SimulatedDevice device(spec);
  OccupyStart(trace, device);
  Player player(trace, settings, device);
  const auto count = static_cast<uint32_t>(trace.events.size());
  for (uint32_t i = 0; i < count; ++i) {
    if (!player.Step(i)) break;
  }
  return read(player, device);
}

}  // namespace

Run Play(const Trace& trace, const AllocatorSettings& settings, const DeviceSpec& spec) {
  return PlayOn(trace, settings, spec,
                [](Player& player, const SimulatedDevice&) { return player.Finish(); });
}

Outcome PlayToDeath(const Trace& trace, const AllocatorSettings& settings, const DeviceSpec& spec) {
  return PlayOn(trace, settings, spec, [](const Player& player, const SimulatedDevice& device) {
    return Outcome{player.oom(), device.room_from(), device.room_below()};
  });
}

}  // namespace vramcast
