// Tables that keep each distinct string or sequence once and name it by a typed index. A recording
// of millions of events has only a few thousand different stacks.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/index.h"

namespace vramcast {

// A fast, well-mixed hash of a run of bytes; not for untrusted choice of keys to be spread evenly.
uint64_t HashBytes(const void* data, size_t size);

// Distinct sequences of T (trivially copyable), addressed by Id in order of first appearance.
template <typename Id, typename T>
class SequenceTable {
 public:
  SequenceTable() { Clear(); }

  Id Intern(std::span<const T> sequence) {
    if (2 * (begins_.size() + 1) > slots_.size()) Grow();
    const uint64_t hash = HashBytes(sequence.data(), sequence.size_bytes());
    for (uint64_t at = hash & mask();; at = (at + 1) & mask()) {
      Slot& slot = slots_[at];
      if (slot.id == Id::kNone) {
        slot = {static_cast<uint32_t>(hash >> 32), size()};
        items_.insert(items_.end(), sequence.begin(), sequence.end());
        begins_.push_back(items_.size());
        return Id{slot.id};
      }
      if (slot.check == static_cast<uint32_t>(hash >> 32) &&
          Equal((*this)[Id{slot.id}], sequence)) {
        return Id{slot.id};
      }
    }
  }

  // The id of a sequence that is in the table; invalid otherwise.
  Id Find(std::span<const T> sequence) const {
    const uint64_t hash = HashBytes(sequence.data(), sequence.size_bytes());
    for (uint64_t at = hash & mask();; at = (at + 1) & mask()) {
      const Slot& slot = slots_[at];
      if (slot.id == Id::kNone) return {};
      if (slot.check == static_cast<uint32_t>(hash >> 32) &&
          Equal((*this)[Id{slot.id}], sequence)) {
        return Id{slot.id};
      }
    }
  }

  std::span<const T> operator[](Id id) const {
    if (id.value >= size()) return {};
    return {items_.data() + begins_[id.value],
            static_cast<size_t>(begins_[id.value + 1] - begins_[id.value])};
  }
  uint32_t size() const { return static_cast<uint32_t>(begins_.size() - 1); }

  void Clear() {
    items_.clear();
    begins_.assign(1, 0);
    slots_.assign(64, Slot{});
  }

 private:
  struct Slot {
    uint32_t check = 0;
    uint32_t id = Id::kNone;
  };
  uint64_t mask() const { return slots_.size() - 1; }
  static bool Equal(std::span<const T> a, std::span<const T> b) {
    return a.size() == b.size() &&
           (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
  }
  void Grow() {
    std::vector<Slot> bigger(slots_.size() * 2);
    for (uint32_t i = 0; i < size(); ++i) {
      const std::span<const T> items = (*this)[Id{i}];
      const uint64_t hash = HashBytes(items.data(), items.size_bytes());
      uint64_t at = hash & (bigger.size() - 1);
      while (bigger[at].id != Id::kNone) at = (at + 1) & (bigger.size() - 1);
      bigger[at] = {static_cast<uint32_t>(hash >> 32), i};
    }
    slots_ = std::move(bigger);
  }

  std::vector<T> items_;
  std::vector<uint64_t> begins_;  // one more than there are sequences
  std::vector<Slot> slots_;       // open addressing; a power of two
};

using StringId = Index<struct StringTag>;

class StringTable {
 public:
  StringId Intern(std::string_view text) { return table_.Intern({text.data(), text.size()}); }
  std::string_view operator[](StringId id) const {
    const auto chars = table_[id];
    return {chars.data(), chars.size()};
  }
  uint32_t size() const { return table_.size(); }

 private:
  SequenceTable<StringId, char> table_;
};

}  // namespace vramcast
