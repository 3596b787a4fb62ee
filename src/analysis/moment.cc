#include "analysis/moment.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace vramcast {

std::vector<LiveBlock> LiveAt(const DeviceRecording& device, const std::vector<uint32_t>& units,
                              uint32_t last) {
  const Trace& trace = device.trace;
  const auto size_of = [&](AllocationId id) {
    return id.value < units.size() ? Bytes(int64_t{units[id.value]} << 9) : Bytes(0);
  };
  const size_t end = last == kStartOfTrace ? 0 : std::min<size_t>(last + 1ul, trace.events.size());
  std::vector<bool> freed(trace.allocation_count);
  for (size_t i = 0; i < end; ++i) {
    const Event& event = trace.events[i];
    if (event.action != Action::kFreeRequested && event.action != Action::kFreeCompleted) continue;
    if (event.allocation.value < freed.size()) freed[event.allocation.value] = true;
  }
  std::vector<LiveBlock> live;
  for (const StartSegment& segment : trace.start) {
    uint64_t address = segment.address;
    for (const StartBlock& block : segment.blocks) {
      if (block.state == BlockState::kAllocated && block.allocation.value < freed.size() &&
          !freed[block.allocation.value]) {
        live.push_back({block.allocation, size_of(block.allocation), block.stack, segment.stream,
                        kStartOfTrace, address});
      }
      address += static_cast<uint64_t>(block.size.count());
    }
  }
  for (size_t i = 0; i < end; ++i) {
    const Event& event = trace.events[i];
    if (event.action != Action::kAlloc || event.allocation.value >= freed.size() ||
        freed[event.allocation.value] || size_of(event.allocation) == Bytes(0)) {
      continue;
    }
    live.push_back({event.allocation, size_of(event.allocation), event.stack, event.stream,
                    static_cast<uint32_t>(i), device.addresses[i]});
  }
  return live;
}

constexpr const char* kFromBefore = "allocated before the recording";

bool IsFromBefore(const LiveBlock& block, const Attribution& attribution) {
  return block.event == kStartOfTrace && !attribution.HasFrames(block.stack);
}

std::string LineOf(const LiveBlock& block, const Attribution& attribution) {
  return IsFromBefore(block, attribution) ? kFromBefore : attribution.Line(block.stack);
}

Category KindOf(const LiveBlock& block, const Attribution& attribution) {
  return IsFromBefore(block, attribution) ? Category::kOther : attribution.CategoryOf(block.stack);
}

std::optional<Grouping> GroupingFromName(std::string_view name) {
  if (name == "category") return Grouping::kCategory;
  if (name == "line") return Grouping::kLine;
  if (name == "operator") return Grouping::kOperator;
  if (name == "stack") return Grouping::kStack;
  if (name == "stream") return Grouping::kStream;
  if (name == "segment") return Grouping::kSegment;
  return std::nullopt;
}

std::vector<Share> GroupBlocks(const std::vector<LiveBlock>& blocks, const DeviceRecording& device,
                               const Attribution& attribution, Grouping grouping) {
  std::unordered_map<std::string, size_t> rows;
  std::vector<Share> shares;
  for (const LiveBlock& block : blocks) {
    std::string name;
    switch (grouping) {
      case Grouping::kCategory:
        name = CategoryName(KindOf(block, attribution));
        break;
      case Grouping::kLine:
        name = LineOf(block, attribution);
        break;
      case Grouping::kOperator:
        name = IsFromBefore(block, attribution) ? kFromBefore : attribution.Operator(block.stack);
        break;
      case Grouping::kStack:
        name = block.stack.valid()
                   ? fmt::format("stack {}: {}", block.stack.value, LineOf(block, attribution))
                   : LineOf(block, attribution);
        break;
      case Grouping::kStream: {
        const auto& streams = device.trace.streams;
        const uint64_t raw = block.stream < streams.size() ? streams[block.stream] : 0;
        name = raw == 0 ? "the default stream" : fmt::format("stream {:#x}", raw);
        break;
      }
      case Grouping::kSegment: {
        const auto after = std::upper_bound(
            device.segments.begin(), device.segments.end(), block.address,
            [](uint64_t a, const RecordedSegment& segment) { return a < segment.address; });
        const bool known = after != device.segments.begin() &&
                           block.address - std::prev(after)->address <
                               static_cast<uint64_t>(std::prev(after)->size.count());
        name = known ? fmt::format("segment {:#x} ({})", std::prev(after)->address,
                                   FormatBytes(std::prev(after)->size))
                     : "a segment that was freed later";
        break;
      }
    }
    const auto [at, fresh] = rows.try_emplace(std::move(name), shares.size());
    if (fresh) {
      shares.emplace_back();
      shares.back().name = at->first;
    }
    Share& share = shares[at->second];
    share.bytes += block.size;
    ++share.blocks;
    if (fresh || block.size > share.largest) {
      share.largest = block.size;
      share.stack = block.stack;
      share.category = KindOf(block, attribution);
    }
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const Share& a, const Share& b) { return a.bytes > b.bytes; });
  return shares;
}

std::vector<Difference> Compare(const std::vector<Share>& before, const std::vector<Share>& after) {
  std::map<std::string, Difference> rows;
  for (const Share& share : before) {
    rows[share.name].name = share.name;
    rows[share.name].before += share.bytes;
  }
  for (const Share& share : after) {
    rows[share.name].name = share.name;
    rows[share.name].after += share.bytes;
  }
  std::vector<Difference> differences;
  for (auto& [name, row] : rows) {
    if (row.before != row.after) differences.push_back(std::move(row));
  }
  const auto weight = [](const Difference& d) { return std::abs((d.after - d.before).count()); };
  std::stable_sort(differences.begin(), differences.end(),
                   [&](const Difference& a, const Difference& b) { return weight(a) > weight(b); });
  return differences;
}

}  // namespace vramcast
