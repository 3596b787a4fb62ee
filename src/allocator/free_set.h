// The free blocks of one pool and one stream, ordered by size and then by the tie rule. PyTorch
// keeps a tree; here sizes fall into classes with a bitmap above them, so that finding the best fit
// touches two or three cache lines. Programs free from one end of an address range and allocate
// from the other, so a class has room at both ends.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "allocator/block.h"

namespace vramcast {

class FreeSet {
 public:
  struct Entry {
    int64_t size;
    uint64_t tie;
    BlockId block;
  };
  // A place in the order; `entry` is nothing at the end.
  struct Position {
    uint32_t size_class = 0;
    uint32_t index = 0;
    const Entry* entry = nullptr;
  };

  FreeSet() : classes_(kClasses) {}

  void Insert(int64_t size, uint64_t tie, BlockId block);
  void Erase(int64_t size, uint64_t tie, BlockId block);
  void EraseAt(const Position& position);

  Position LowerBound(int64_t size) const;  // the first entry of at least `size`
  Position First() const { return FirstOf(0); }
  Position Next(const Position& position) const;
  Position Last() const;
  Position Previous(const Position& position) const;

  bool empty() const { return count_ == 0; }
  uint32_t size() const { return count_; }

 private:
  // Sixteen classes per power of two of 512-byte units, up to 2^60 bytes.
  static constexpr uint32_t kClasses = 16 * 50;
  static constexpr uint32_t kWords = (kClasses + 63) / 64;

  static uint32_t ClassOf(int64_t size) {
    const uint64_t units = static_cast<uint64_t>(size) >> 9;
    if (units < 16) return static_cast<uint32_t>(units);
    const uint32_t log = 63 - static_cast<uint32_t>(std::countl_zero(units));
    return 16 * (log - 3) + static_cast<uint32_t>((units >> (log - 4)) & 15);
  }
  Position FirstOf(uint32_t size_class) const;  // first entry of this class or a later one

  // Sorted; `entries` before `first` are room.
  struct Class {
    std::vector<Entry> entries;
    uint32_t first = 0;

    bool empty() const { return first == entries.size(); }
    uint32_t Find(int64_t size, uint64_t tie) const;  // the first that is not before these
    void Insert(uint32_t at, const Entry& entry);
    void Erase(uint32_t at);
    void MakeRoomInFront();
  };

  std::vector<Class> classes_;
  std::array<uint64_t, kWords> occupied_ = {};
  uint32_t count_ = 0;
};

}  // namespace vramcast
