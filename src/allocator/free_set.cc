#include "allocator/free_set.h"

namespace vramcast {

size_t FreeSet::Find(const std::vector<Entry>& entries, int64_t size, uint64_t tie) {
  size_t low = 0;
  size_t count = entries.size();
  while (count > 0) {
    const size_t half = count / 2;
    const Entry& middle = entries[low + half];
    const bool below = middle.size < size || (middle.size == size && middle.tie < tie);
    low = below ? low + half + 1 : low;
    count = below ? count - half - 1 : half;
  }
  return low;
}

void FreeSet::Insert(int64_t size, uint64_t tie, BlockId block) {
  const uint32_t c = ClassOf(size);
  std::vector<Entry>& entries = classes_[c];
  entries.insert(entries.begin() + static_cast<ptrdiff_t>(Find(entries, size, tie)),
                 Entry{size, tie, block});
  occupied_[c / 64] |= uint64_t{1} << (c % 64);
  ++count_;
}

void FreeSet::Erase(int64_t size, uint64_t tie, BlockId block) {
  const uint32_t c = ClassOf(size);
  const std::vector<Entry>& entries = classes_[c];
  // Recordings that contradict themselves have several blocks at one address.
  for (size_t at = Find(entries, size, tie);
       at < entries.size() && entries[at].size == size && entries[at].tie == tie; ++at) {
    if (entries[at].block != block) continue;
    EraseAt({c, static_cast<uint32_t>(at), nullptr});
    return;
  }
}

void FreeSet::EraseAt(const Position& position) {
  std::vector<Entry>& entries = classes_[position.size_class];
  entries.erase(entries.begin() + position.index);
  if (entries.empty()) {
    occupied_[position.size_class / 64] &= ~(uint64_t{1} << (position.size_class % 64));
  }
  --count_;
}

FreeSet::Position FreeSet::FirstOf(uint32_t size_class) const {
  uint32_t word = size_class / 64;
  if (word >= kWords) return {};
  uint64_t bits = occupied_[word] & (~uint64_t{0} << (size_class % 64));
  while (bits == 0) {
    if (++word == kWords) return {};
    bits = occupied_[word];
  }
  const uint32_t c = word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
  return {c, 0, classes_[c].data()};
}

FreeSet::Position FreeSet::LowerBound(int64_t size) const {
  const uint32_t c = ClassOf(size);
  const std::vector<Entry>& entries = classes_[c];
  const size_t at = Find(entries, size, 0);
  if (at < entries.size()) return {c, static_cast<uint32_t>(at), &entries[at]};
  return FirstOf(c + 1);
}

FreeSet::Position FreeSet::Next(const Position& position) const {
  const std::vector<Entry>& entries = classes_[position.size_class];
  if (position.index + 1 < entries.size()) {
    return {position.size_class, position.index + 1, &entries[position.index + 1]};
  }
  return FirstOf(position.size_class + 1);
}

FreeSet::Position FreeSet::Last() const {
  for (uint32_t c = kClasses; c-- > 0;) {
    if (classes_[c].empty()) continue;
    return {c, static_cast<uint32_t>(classes_[c].size() - 1), &classes_[c].back()};
  }
  return {};
}

FreeSet::Position FreeSet::Previous(const Position& position) const {
  if (position.entry == nullptr) return Last();
  if (position.index > 0) {
    return {position.size_class, position.index - 1, position.entry - 1};
  }
  for (uint32_t c = position.size_class; c-- > 0;) {
    if (classes_[c].empty()) continue;
    return {c, static_cast<uint32_t>(classes_[c].size() - 1), &classes_[c].back()};
  }
  return {};
}

}  // namespace vramcast
