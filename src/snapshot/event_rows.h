// The events of a snapshot in the columns that a recording keeps, so that each is written once:
// touching fresh memory is a good part of reading a large file.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "snapshot/raw.h"
#include "trace/recording.h"

namespace vramcast::snapshot {

class EventRows {
 public:
  static constexpr size_t kRowBytes = sizeof(Event) + sizeof(uint64_t) + sizeof(int64_t);

  // While rows are added: how far the reader is in how many bytes, if that is known. So enough room
  // is made at once for rows as dense as those before.
  void SetProgress(uint64_t offset, std::optional<uint64_t> total) {
    offset_ = offset;
    total_ = total;
  }

  uint32_t Add(const RawEvent& raw) {
    if (events_.size() == events_.capacity()) Grow();
    events_.push_back(Packed(raw));
    addresses_.push_back(raw.address);
    times_.push_back(raw.time_us);
    return size() - 1;
  }
  RawEvent operator[](uint32_t row) const;
  void Set(uint32_t row, const RawEvent& raw);
  uint32_t size() const { return static_cast<uint32_t>(events_.size()); }
  void Reserve(size_t rows);

  // Puts a finished event at `row`, which is one of the rows or the next one.
  void Keep(uint32_t row, const Event& event, uint64_t address, int64_t time_us);
  // Hands the first `count` rows over.
  void MoveTo(uint32_t count, DeviceRecording* device);

 private:
  // Until an event is finished its action is RawEvent's, and its phase is RawEvent::seen.
  static Event Packed(const RawEvent& raw) {
    Event event;
    event.action = static_cast<Action>(raw.action);
    event.phase = static_cast<Phase>(raw.seen);
    event.stream = raw.stream;
    event.size = Bytes(raw.size);
    event.stack = {raw.stack};
    return event;
  }
  void Grow();

  std::vector<Event> events_;
  std::vector<uint64_t> addresses_;
  std::vector<int64_t> times_;
  uint64_t offset_ = 0;
  std::optional<uint64_t> total_;
  uint64_t begin_ = 0;  // the offset at the first row
};

}  // namespace vramcast::snapshot
