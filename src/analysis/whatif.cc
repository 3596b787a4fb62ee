#include "analysis/whatif.h"

#include <algorithm>

#include "allocator/player.h"
#include "allocator/rounding.h"

namespace vramcast {
namespace {

// Whether blocks of the start state would lie as they lay.
bool SameLayout(const AllocatorSettings& a, const AllocatorSettings& b) {
  return a.expandable_segments == b.expandable_segments && a.max_split_size == b.max_split_size &&
         a.large_segment_size == b.large_segment_size &&
         a.roundup_power2_divisions == b.roundup_power2_divisions;
}

AddressOrder OrderOf(const DeviceRecording& device) {
  int64_t up = 0;
  uint64_t last = 0;
  // Of expandable segments only the ranges of the two pools show where fresh ones come from.
  uint64_t small_range = 0, large_range = 0;
  for (size_t i = 0; i < device.trace.events.size(); ++i) {
    const Event& event = device.trace.events[i];
    if (event.action == Action::kSegmentMap && event.stream == 0) {
      const bool is_small = event.size.count() <= kSmallBuffer;
      const uint64_t other = is_small ? large_range : small_range;
      uint64_t& range = is_small ? small_range : large_range;
      if (range == 0 && other != 0) up += device.addresses[i] > other ? 1 : -1;
      if (range == 0) range = device.addresses[i];
    }
    if (event.action != Action::kSegmentAlloc) continue;
    if (last != 0) up += device.addresses[i] > last ? 1 : -1;
    last = device.addresses[i];
  }
  return up < 0 ? AddressOrder::kDown : AddressOrder::kUp;
}

// Whether the device can hold the segments that were there before the first event.
bool HoldsStart(const Trace& trace, const DeviceSpec& spec) {
  if (!spec.total) return true;
  SimulatedDevice endless({});
  OccupyStart(trace, endless);
  return endless.used() <= *spec.total - spec.other_processes - spec.context;
}

}  // namespace

Program ProgramOf(const DeviceRecording& device, const Proof& proof,
                  const AllocatorSettings& recorded, const AllocatorSettings& wanted,
                  const DeviceSpec& spec) {
  Program program;
  program.trace = device.trace;
  program.address_order = OrderOf(device);
  for (const uint32_t i : proof.empty_caches) {
    if (i < program.trace.events.size()) program.trace.events[i].action = Action::kEmptyCache;
  }
  const bool stays = SameLayout(recorded, wanted) && HoldsStart(program.trace, spec);
  if (program.trace.start.empty() || stays) return program;

  program.relaid = true;
  std::vector<Event> events;
  for (const StartSegment& segment : program.trace.start) {
    for (const StartBlock& block : segment.blocks) {
      if (block.state != BlockState::kAllocated && block.state != BlockState::kPending) continue;
      Event event;
      event.action = Action::kAlloc;
      event.stream = segment.stream;
      event.allocation = block.allocation;
      event.size = std::max(block.requested, Bytes(1));
      event.label = block.label;
      event.stack = block.stack;
      events.push_back(event);
    }
  }
  program.placed = static_cast<uint32_t>(events.size());
  events.insert(events.end(), program.trace.events.begin(), program.trace.events.end());
  program.trace.events = std::move(events);
  program.trace.start.clear();
  return program;
}

void CountFromRecording(const Program& program, Run* run) {
  const auto recount = [&](uint32_t event) {
    if (event == kStartOfTrace || event < program.placed) return kStartOfTrace;
    return event - program.placed;
  };
  run->peak.event = recount(run->peak.event);
  for (std::optional<Peak>& phase : run->phases) {
    if (phase) phase->event = recount(phase->event);
  }
  if (run->oom) run->oom->event = recount(run->oom->event);
}

Run PlayOn(const Program& program, const AllocatorSettings& settings, DeviceSpec spec) {
  spec.address_order = program.address_order;
  Run run = Play(program.trace, settings, spec);
  CountFromRecording(program, &run);
  return run;
}

Run PlayAs(const DeviceRecording& device, const Proof& proof, const AllocatorSettings& recorded,
           const AllocatorSettings& wanted, DeviceSpec spec) {
  return PlayOn(ProgramOf(device, proof, recorded, wanted, spec), wanted, spec);
}

}  // namespace vramcast
