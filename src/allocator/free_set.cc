#include "allocator/free_set.h"

#include <algorithm>

namespace vramcast {

uint32_t FreeSet::Class::Find(int64_t size, uint64_t tie) const {
  uint32_t low = first;
  auto count = static_cast<uint32_t>(entries.size()) - first;
  while (count > 0) {
    const uint32_t half = count / 2;
    const Entry& middle = entries[low + half];
    const bool below = middle.size < size || (middle.size == size && middle.tie < tie);
    low = below ? low + half + 1 : low;
    count = below ? count - half - 1 : half;
  }
  return low;
}

void FreeSet::Class::MakeRoomInFront() {
  const size_t room = entries.size() / 2 + 1;
  entries.insert(entries.begin(), room, Entry{});
  first = static_cast<uint32_t>(room);
}

void FreeSet::Class::Insert(uint32_t at, const Entry& entry) {
  const auto end = static_cast<uint32_t>(entries.size());
  const bool nearer_to_front = at - first < end - at;
  if (nearer_to_front && first == 0) {
    MakeRoomInFront();
    at += first;
  }
  const auto begin = entries.begin();
  if (nearer_to_front) {
    std::move(begin + first, begin + at, begin + first - 1);
    --first;
    entries[at - 1] = entry;
    return;
  }
  if (end == entries.capacity() && first > end / 2) {
    entries.erase(begin, begin + first);
    at -= first;
    first = 0;
  }
  entries.insert(entries.begin() + at, entry);
}

void FreeSet::Class::Erase(uint32_t at) {
  const auto begin = entries.begin();
  if (at - first < entries.size() - at) {
    std::move_backward(begin + first, begin + at, begin + at + 1);
    ++first;
  } else {
    entries.erase(begin + at);
  }
  if (!empty()) return;
  entries.clear();
  first = 0;
}

void FreeSet::Insert(int64_t size, uint64_t tie, BlockId block) {
  const uint32_t c = ClassOf(size);
  classes_[c].Insert(classes_[c].Find(size, tie), {size, tie, block});
  occupied_[c / 64] |= uint64_t{1} << (c % 64);
  ++count_;
}

void FreeSet::Erase(int64_t size, uint64_t tie, BlockId block) {
  const uint32_t c = ClassOf(size);
  const std::vector<Entry>& entries = classes_[c].entries;
  // Recordings that contradict themselves have several blocks at one address.
  for (uint32_t at = classes_[c].Find(size, tie);
       at < entries.size() && entries[at].size == size && entries[at].tie == tie; ++at) {
    if (entries[at].block != block) continue;
    EraseAt({c, at, nullptr});
    return;
  }
}

void FreeSet::EraseAt(const Position& position) {
  Class& home = classes_[position.size_class];
  home.Erase(position.index);
  if (home.empty()) {
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
  const Class& found = classes_[c];
  return {c, found.first, &found.entries[found.first]};
}

FreeSet::Position FreeSet::LowerBound(int64_t size) const {
  const uint32_t c = ClassOf(size);
  const Class& home = classes_[c];
  const uint32_t at = home.Find(size, 0);
  if (at < home.entries.size()) return {c, at, &home.entries[at]};
  return FirstOf(c + 1);
}

FreeSet::Position FreeSet::Next(const Position& position) const {
  const std::vector<Entry>& entries = classes_[position.size_class].entries;
  if (position.index + 1 < entries.size()) {
    return {position.size_class, position.index + 1, &entries[position.index + 1]};
  }
  return FirstOf(position.size_class + 1);
}

FreeSet::Position FreeSet::Last() const {
  for (uint32_t c = kClasses; c-- > 0;) {
    if (classes_[c].empty()) continue;
    const std::vector<Entry>& entries = classes_[c].entries;
    return {c, static_cast<uint32_t>(entries.size() - 1), &entries.back()};
  }
  return {};
}

FreeSet::Position FreeSet::Previous(const Position& position) const {
  if (position.entry == nullptr) return Last();
  if (position.index > classes_[position.size_class].first) {
    return {position.size_class, position.index - 1, position.entry - 1};
  }
  for (uint32_t c = position.size_class; c-- > 0;) {
    if (classes_[c].empty()) continue;
    const std::vector<Entry>& entries = classes_[c].entries;
    return {c, static_cast<uint32_t>(entries.size() - 1), &entries.back()};
  }
  return {};
}

}  // namespace vramcast
