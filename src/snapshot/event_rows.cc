#include "snapshot/event_rows.h"

#include <sys/mman.h>

#include <algorithm>

namespace vramcast::snapshot {
namespace {

constexpr size_t kFirst = 1 << 15;  // rows
constexpr uintptr_t kHugePage = 2 << 20;

// Clearing one huge page costs less than clearing 512 small ones.
template <typename Row>
void PreferHugePages(std::vector<Row>& rows) {
  const auto begin = (reinterpret_cast<uintptr_t>(rows.data()) + kHugePage - 1) & ~(kHugePage - 1);
  const auto end = reinterpret_cast<uintptr_t>(rows.data() + rows.capacity()) & ~(kHugePage - 1);
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace

RawEvent EventRows::operator[](uint32_t row) const {
  const Event& event = events_[row];
  RawEvent raw;
  raw.address = addresses_[row];
  raw.size = event.size.count();
  raw.time_us = times_[row];
  raw.stack = event.stack.value;
  raw.stream = event.stream;
  raw.action = static_cast<uint8_t>(event.action);
  raw.seen = static_cast<uint8_t>(event.phase);
  return raw;
}

void EventRows::Set(uint32_t row, const RawEvent& raw) {
  Keep(row, Packed(raw), raw.address, raw.time_us);
}

void EventRows::Keep(uint32_t row, const Event& event, uint64_t address, int64_t time_us) {
  if (row < size()) {
    events_[row] = event;
    addresses_[row] = address;
    times_[row] = time_us;
    return;
  }
  if (events_.size() == events_.capacity()) Grow();
  events_.push_back(event);
  addresses_.push_back(address);
  times_.push_back(time_us);
}

void EventRows::MoveTo(uint32_t count, DeviceRecording* device) {
  events_.resize(count);
  addresses_.resize(count);
  times_.resize(count);
  device->trace.events = std::move(events_);
  device->addresses = std::move(addresses_);
  device->times_us = std::move(times_);
}

void EventRows::Reserve(size_t rows) {
  events_.reserve(rows);
  addresses_.reserve(rows);
  times_.reserve(rows);
  PreferHugePages(events_);
  PreferHugePages(addresses_);
  PreferHugePages(times_);
}

void EventRows::Grow() {
  const size_t rows = events_.size();
  if (rows == 0) {
    begin_ = offset_;
    return Reserve(kFirst);
  }
  size_t wanted = 2 * rows;
  if (total_ && *total_ > offset_ && offset_ > begin_) {
    const double a_byte = static_cast<double>(rows) / static_cast<double>(offset_ - begin_);
    const double rest = a_byte * static_cast<double>(*total_ - offset_);
    // The offset moves in steps of the window, so the rate is known to a few per cent.
    wanted = rows + static_cast<size_t>(rest * 1.1) + kFirst;
  }
  Reserve(std::max(wanted, rows + rows / 4));
}

}  // namespace vramcast::snapshot
