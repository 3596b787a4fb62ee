#include "allocator/device.h"

#include <algorithm>

namespace vramcast {
namespace {

constexpr uint64_t kPage = 2 << 20;  // the granularity of device memory (measured)
// Where address space begins and ends; real ones look like 0x7f0000000000.
constexpr uint64_t kBottom = 0x7f00'0000'0000;
constexpr uint64_t kTop = 0x7fff'0000'0000;

uint64_t Pages(int64_t size) { return (static_cast<uint64_t>(size) + kPage - 1) & ~(kPage - 1); }

}  // namespace

bool SimulatedDevice::Charge(int64_t size) {
  const auto pages = static_cast<int64_t>(Pages(size));
  if (spec_.total && FreeBytes()->count() < pages) {
    least_refused_ = std::min(least_refused_, used_ + pages);
    return false;
  }
  used_ += pages;
  most_used_ = std::max(most_used_, used_);
  return true;
}

std::optional<Bytes> SimulatedDevice::FreeBytes() const {
  if (!spec_.total) return std::nullopt;
  const Bytes free = *spec_.total - spec_.other_processes - spec_.context - Bytes(used_);
  return free < Bytes(0) ? Bytes(0) : free;
}

// The lowest gap above (or the highest below) that is large enough.
uint64_t SimulatedDevice::Place(int64_t size) {
  const uint64_t length = Pages(size);
  // Without a gap there is nothing to search: `used_` counts the new segment already.
  const uint64_t before = static_cast<uint64_t>(used_) - length;
  const bool up = spec_.address_order == AddressOrder::kUp;
  if (!ranges_.empty() && static_cast<uint64_t>(used_) > length) {
    const auto& [first, first_end] = *ranges_.begin();
    const auto& [last, last_end] = *ranges_.rbegin();
    if (up && first == kBottom && last_end - kBottom == before) {
      ranges_.emplace_hint(ranges_.end(), last_end, last_end + length);
      return last_end;
    }
    if (!up && last_end == kTop && kTop - first == before) {
      return ranges_.emplace_hint(ranges_.begin(), first - length, first)->first;
    }
  }
  if (up) {
    uint64_t begin = kBottom;
    for (const auto& [from, to] : ranges_) {
      if (to <= begin) continue;
      if (from >= begin && from - begin >= length) break;
      begin = to;
    }
    begin = (begin + kPage - 1) & ~(kPage - 1);
    ranges_[begin] = begin + length;
    return begin;
  }
  uint64_t end = kTop;
  for (auto it = ranges_.rbegin(); it != ranges_.rend(); ++it) {
    if (it->first >= end) continue;
    if (it->second <= end && end - it->second >= length) break;
    end = it->first;
  }
  const uint64_t begin = (end - length) & ~(kPage - 1);
  ranges_[begin] = begin + length;
  return begin;
}

void SimulatedDevice::Occupy(uint64_t address, int64_t size) {
  used_ += static_cast<int64_t>(Pages(size));
  most_used_ = std::max(most_used_, used_);
  OccupyRange(address, size);
}

void SimulatedDevice::OccupyRange(uint64_t address, int64_t size) {
  uint64_t& end = ranges_[address];
  end = std::max(end, address + Pages(size));
}

std::optional<uint64_t> SimulatedDevice::Allocate(const Request& request) {
  if (!Charge(request.size)) return std::nullopt;
  return Place(request.size);
}

void SimulatedDevice::Free(uint64_t address, const Request& request) {
  used_ -= static_cast<int64_t>(Pages(request.size));
  ranges_.erase(address);
}

uint64_t SimulatedDevice::Reserve(const Request& request) { return Place(request.size); }

bool SimulatedDevice::Map(uint64_t, const Request& request) { return Charge(request.size); }

void SimulatedDevice::Unmap(uint64_t, const Request& request) {
  used_ -= static_cast<int64_t>(Pages(request.size));
}

}  // namespace vramcast
