// Which allocation lives at an address: a flat table with linear probing, since a snapshot looks up
// every event's address once.
#pragma once

#include <cstdint>
#include <vector>

namespace vramcast::snapshot {

class AddressMap {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  AddressMap() : slots_(1024) {}

  // The place of `address`, which is made if need be; `value` is kNone if it is new. The reference
  // is good until the next call.
  uint32_t& At(uint64_t address) {
    if (2 * (count_ + 1) > slots_.size()) Grow();
    Slot& slot = slots_[Find(address)];
    if (slot.value == kNone && slot.address != address) {
      slot.address = address;
      ++count_;
    }
    return slot.value;
  }
  uint32_t Get(uint64_t address) const {
    const Slot& slot = slots_[Find(address)];
    return slot.address == address ? slot.value : kNone;
  }

 private:
  struct Slot {
    uint64_t address = 0;  // 0: never used; real addresses are not 0
    uint32_t value = kNone;
  };
  size_t Find(uint64_t address) const {
    size_t at = (address * 0x9E3779B97F4A7C15) >> shift_;
    while (slots_[at].address != 0 && slots_[at].address != address) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }
  void Grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    --shift_;
    for (const Slot& slot : old) {
      if (slot.address != 0) slots_[Find(slot.address)] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t count_ = 0;
  int shift_ = 54;  // 64 less the logarithm of the number of slots
};

}  // namespace vramcast::snapshot
