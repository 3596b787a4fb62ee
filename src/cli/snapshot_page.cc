#include "cli/snapshot_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "analysis/growth.h"
#include "analysis/moment.h"
#include "cli/snapshot_page_script.h"

namespace vramcast::cli {
namespace {

using nlohmann::json;

constexpr uint32_t kPoints = 4000;  // of the timeline
constexpr size_t kMostEvents =
    300000;  // beyond this only the largest allocations are drawn one by one

// The events as columns: what the page needs to rebuild the memory at any moment.
json Events(const LoadedRecording& loaded, size_t d) {
  const DeviceRecording& device = loaded.recording->devices[d];
  const auto& events = device.trace.events;
  const Proof& proof = loaded.proofs[d];
  // Smaller allocations are left out of the picture first; the curves keep all.
  uint32_t least = 0;
  if (events.size() > kMostEvents) {
    std::vector<uint32_t> sizes(proof.units);
    const size_t keep = std::min(sizes.size(), kMostEvents / 3);
    std::nth_element(sizes.begin(), sizes.begin() + static_cast<ptrdiff_t>(keep), sizes.end(),
                     std::greater<>());
    if (keep < sizes.size()) least = sizes[keep] + 1;
  }
  json action = json::array(), index = json::array(), address = json::array(), size = json::array(),
       line = json::array();
  const auto add = [&](int kind, int64_t event, uint64_t at, int64_t bytes, StackId stack) {
    action.push_back(kind);
    index.push_back(event);
    address.push_back(fmt::format("{:x}", at));
    size.push_back(bytes);
    line.push_back(stack.value < loaded.recording->stacks.size() ? static_cast<int64_t>(stack.value)
                                                                 : int64_t{-1});
  };
  for (const StartSegment& segment : device.trace.start) {
    uint64_t at = segment.address;
    uint64_t mapped = at;
    const auto flush = [&](uint64_t end) {
      if (end > mapped) add(2, -1, mapped, static_cast<int64_t>(end - mapped), {});
    };
    for (const StartBlock& block : segment.blocks) {
      if (block.state == BlockState::kUnmapped) {
        flush(at);
        mapped = at + static_cast<uint64_t>(block.size.count());
      }
      at += static_cast<uint64_t>(block.size.count());
    }
    flush(at);
    at = segment.address;
    for (const StartBlock& block : segment.blocks) {
      if (block.state == BlockState::kAllocated && block.size.count() >> 9 >= least) {
        add(0, -1, at, block.size.count(), block.stack);
      }
      at += static_cast<uint64_t>(block.size.count());
    }
  }
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    const uint32_t units =
        event.allocation.value < proof.units.size() ? proof.units[event.allocation.value] : 0;
    const auto at = static_cast<int64_t>(i);
    switch (event.action) {
      case Action::kAlloc:
        if (units >= least) {
          add(0, at, device.addresses[i], int64_t{units} << 9, event.stack);
        }
        break;
      case Action::kFreeCompleted:
        if (units >= least) add(1, at, device.addresses[i], int64_t{units} << 9, {});
        break;
      case Action::kSegmentAlloc:
      case Action::kSegmentMap:
        add(2, at, device.addresses[i], event.size.count(), {});
        break;
      case Action::kSegmentFree:
      case Action::kSegmentUnmap:
        add(3, at, device.addresses[i], event.size.count(), {});
        break;
      case Action::kOom:
        add(4, at, 0, event.size.count(), event.stack);
        break;
      default:
        break;
    }
  }
  return {{"action", std::move(action)},   {"event", std::move(index)},
          {"address", std::move(address)}, {"size", std::move(size)},
          {"stack", std::move(line)},      {"left_out_below", int64_t{least} << 9}};
}

}  // namespace

std::string SnapshotPage(const LoadedRecording& loaded) {
  json page;
  page["title"] = loaded.path;
  page["devices"] = json::array();
  for (size_t d = 0; d < loaded.proofs.size(); ++d) {
    const DeviceRecording& device = loaded.recording->devices[d];
    const Proof& proof = loaded.proofs[d];
    json points = json::array();
    for (const TimelinePoint& point : Timeline(device, proof.units, kPoints)) {
      points.push_back({point.event, point.allocated.count(), point.reserved.count()});
    }
    page["devices"].push_back(
        {{"events", device.trace.events.size()},
         {"peak_event",
          proof.run.peak.event == kStartOfTrace ? json(-1) : json(proof.run.peak.event)},
         {"points", std::move(points)},
         {"columns", Events(loaded, d)}});
  }
  page["lines"] = json::array();
  page["kinds"] = json::array();
  for (uint32_t s = 0; s < loaded.recording->stacks.size(); ++s) {
    page["lines"].push_back(loaded.attribution->Line(StackId{s}));
    page["kinds"].push_back(CategoryName(loaded.attribution->CategoryOf(StackId{s})));
  }
  std::string data = page.dump(-1, ' ', true, json::error_handler_t::replace);
  // Inside a script element only this sequence would end it.
  for (size_t at = data.find("</"); at != std::string::npos; at = data.find("</", at + 3)) {
    data.replace(at, 2, "<\\/");
  }
  std::string html(kPageHead);
  html += "<script>const data=" + data + ";\n";
  html += kPageScript;
  return html + "</script></body></html>\n";
}

}  // namespace vramcast::cli
