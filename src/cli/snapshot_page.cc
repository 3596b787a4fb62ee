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

// Rows of the column of stacks that have none.
constexpr int64_t kNone = -1;
constexpr int64_t kBefore = -2;

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
    address.push_back(at >> 9);  // of 512 bytes: exact as a number of JavaScript
    size.push_back(bytes);
    const bool known = loaded.attribution->HasFrames(stack);
    line.push_back(known ? static_cast<int64_t>(stack.value) : event < 0 ? kBefore : kNone);
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

std::string SnapshotPage(const LoadedRecording& loaded, const std::vector<DeviceView>& views) {
  json page;
  page["title"] = loaded.path;
  page["devices"] = json::array();
  for (const DeviceView& view : views) {
    const DeviceRecording& device = loaded.recording->devices[view.device];
    const Proof& proof = loaded.proofs[view.device];
    json columns = Events(loaded, view.device);
    const bool left_out = columns["left_out_below"].get<int64_t>() > 512;
    json points = json::array();
    if (left_out) {
      for (const TimelinePoint& point : Timeline(device, proof.units, kPoints)) {
        points.push_back({point.event, point.allocated.count(), point.reserved.count()});
      }
    }
    json seconds;
    const size_t every = device.times_us.size() / kPoints + 1;
    for (size_t i = 0; i < device.times_us.size(); i += every) {
      const int64_t hundredths = (device.times_us[i] - device.times_us[0]) / 10000;
      seconds.push_back(static_cast<double>(hundredths) / 100);
    }
    json verdict = json::array();
    for (const Paragraph& line : Verdict(loaded, view)) verdict.push_back(line.text);
    page["devices"].push_back(
        {{"events", device.trace.events.size()},
         {"peak_event",
          proof.run.peak.event == kStartOfTrace ? json(-1) : json(proof.run.peak.event)},
         {"verdict", std::move(verdict)},
         {"exact_points", left_out},
         {"points", std::move(points)},
         {"seconds", std::move(seconds)},
         {"seconds_every", every},
         {"columns", std::move(columns)}});
  }
  page["lines"] = json::array();
  page["kinds"] = json::array();
  for (uint32_t s = 0; s < loaded.recording->stacks.size(); ++s) {
    page["lines"].push_back(loaded.attribution->Line(StackId{s}));
    page["kinds"].push_back(CategoryName(loaded.attribution->CategoryOf(StackId{s})));
  }
  const LiveBlock before, within{.event = 0};
  page["before"] = LineOf(before, *loaded.attribution);
  page["none"] = LineOf(within, *loaded.attribution);
  page["none_kind"] = CategoryName(KindOf(within, *loaded.attribution));
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
