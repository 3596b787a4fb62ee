// What MEMOIZE and PUT remember, by number. Every event and every event's list of frames is
// remembered too, though hardly anybody asks for them again: of those, runs are kept and no values.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "snapshot/value.h"

namespace vramcast::snapshot {

class Memo {
 public:
  // Which event a slot is of; `is_list`: it is of the event's list.
  struct EventSlot {
    uint32_t row = 0;
    bool is_list = false;
  };

  uint64_t size() const { return size_; }
  uint64_t memory() const;  // bytes, roughly

  // Slots are below size(). The value of one that IsEvent() is not kept.
  bool IsEvent(uint64_t slot) const { return (events_[slot / 64] >> (slot % 64)) & 1; }
  Value operator[](uint64_t slot) const { return (*pages_[slot / kPage])[slot % kPage]; }
  EventSlot EventAt(uint64_t slot) const;

  void Add(Value value) {
    Extend(1);
    Write(size_ - 1, value);
  }
  // An event, and its list behind it if it has one.
  void AddEvent(uint32_t row, bool has_list);
  void Set(uint64_t slot, Value value) {
    events_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
    Write(slot, value);
  }

 private:
  static constexpr uint64_t kPage = 512;  // values: four kilobytes, made when one is written
  using Page = std::array<Value, kPage>;
  // Slots of consecutive events without a gap.
  struct Run {
    uint64_t begin, end;
    uint32_t row;     // of its first event
    uint32_t stride;  // slots an event: 2 with a list
  };

  void Extend(uint64_t slots) {
    size_ += slots;
    if (size_ > 64 * events_.size()) events_.push_back(0);
    if (size_ > kPage * pages_.size()) pages_.emplace_back();
  }
  void Write(uint64_t slot, Value value) {
    std::unique_ptr<Page>& page = pages_[slot / kPage];
    if (page == nullptr) {
      page = std::make_unique<Page>();
      ++written_;
    }
    (*page)[slot % kPage] = value;
  }

  uint64_t size_ = 0;
  std::vector<std::unique_ptr<Page>> pages_;
  uint64_t written_ = 0;          // pages
  std::vector<uint64_t> events_;  // a bit a slot
  std::vector<Run> runs_;         // by slot
};

}  // namespace vramcast::snapshot
