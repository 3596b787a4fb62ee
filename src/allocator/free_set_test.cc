#include "allocator/free_set.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <utility>
#include <vector>

namespace vramcast {
namespace {

using Key = std::pair<int64_t, uint64_t>;

std::vector<Key> KeysOf(const FreeSet& set) {
  std::vector<Key> keys;
  for (auto at = set.First(); at.entry != nullptr; at = set.Next(at)) {
    keys.emplace_back(at.entry->size, at.entry->tie);
  }
  return keys;
}

// Whatever comes and goes, the order is that of a tree: few sizes, so that many are equal.
RC_GTEST_PROP(FreeSetTest, KeepsTheOrderOfATree, ()) {
  FreeSet set;
  std::set<Key> tree;
  const auto steps = *rc::gen::inRange<size_t>(1, 300);
  for (size_t i = 0; i < steps; ++i) {
    const int64_t size = 512 * *rc::gen::inRange<int64_t>(1, 40);
    const auto tie = *rc::gen::inRange<uint64_t>(0, 64);
    const auto found = tree.lower_bound({size, 0});
    switch (*rc::gen::inRange(0, 3)) {
      case 0:  // the best fit is taken
        RC_ASSERT((set.LowerBound(size).entry == nullptr) == (found == tree.end()));
        if (found == tree.end()) break;
        RC_ASSERT(set.LowerBound(size).entry->tie == found->second);
        set.EraseAt(set.LowerBound(size));
        tree.erase(found);
        break;
      case 1:
        if (tree.erase({size, tie}) > 0) set.Erase(size, tie, BlockId{7});
        break;
      default:
        if (tree.emplace(size, tie).second) set.Insert(size, tie, BlockId{7});
    }
    RC_ASSERT(set.size() == tree.size());
  }
  RC_ASSERT(KeysOf(set) == std::vector<Key>(tree.begin(), tree.end()));
  std::vector<Key> backwards;
  for (auto at = set.Last(); at.entry != nullptr; at = set.Previous(at)) {
    backwards.emplace_back(at.entry->size, at.entry->tie);
    if (backwards.size() == tree.size()) break;
  }
  RC_ASSERT(backwards == std::vector<Key>(tree.rbegin(), tree.rend()));
}

// A program that frees from one end and takes from the other for a long time.
TEST(FreeSetTest, AQueueOfEqualSizesStaysInOrder) {
  FreeSet set;
  for (uint64_t i = 0; i < 10'000; ++i) {
    set.Insert(1024, i, BlockId{static_cast<uint32_t>(i)});
    if (i < 50) continue;
    const auto at = set.LowerBound(1000);
    ASSERT_NE(at.entry, nullptr);
    EXPECT_EQ(at.entry->tie, i - 50);
    set.EraseAt(at);
  }
  EXPECT_EQ(set.size(), 50U);
}

}  // namespace
}  // namespace vramcast
