#include "snapshot/memo.h"

#include <gtest/gtest.h>

namespace vramcast::snapshot {
namespace {

TEST(Memo, ValuesAreFoundByTheirNumber) {
  Memo memo;
  for (uint64_t i = 0; i < 2000; ++i) memo.Add({Tag::kInt, i});
  ASSERT_EQ(memo.size(), 2000u);
  for (uint64_t i = 0; i < 2000; ++i) {
    EXPECT_FALSE(memo.IsEvent(i));
    EXPECT_EQ(memo[i], Value(Tag::kInt, i));
  }
}

TEST(Memo, EventsAreFoundAmongValues) {
  Memo memo;
  memo.Add({Tag::kInt, 7});
  uint32_t row = 0;
  for (; row < 1000; ++row) memo.AddEvent(row, true);
  memo.Add({Tag::kInt, 8});  // slot 2001
  for (; row < 1100; ++row) memo.AddEvent(row, false);
  memo.AddEvent(5000, false);  // slot 2102
  EXPECT_EQ(memo[0], Value(Tag::kInt, 7));
  EXPECT_EQ(memo[2001], Value(Tag::kInt, 8));
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(memo.IsEvent(1 + 2 * i));
    ASSERT_TRUE(memo.IsEvent(2 + 2 * i));
    EXPECT_EQ(memo.EventAt(1 + 2 * i).row, i);
    EXPECT_FALSE(memo.EventAt(1 + 2 * i).is_list);
    EXPECT_EQ(memo.EventAt(2 + 2 * i).row, i);
    EXPECT_TRUE(memo.EventAt(2 + 2 * i).is_list);
  }
  EXPECT_FALSE(memo.IsEvent(2001));
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(memo.EventAt(2002 + i).row, 1000 + i);
  EXPECT_EQ(memo.EventAt(2102).row, 5000u);
}

TEST(Memo, AnEventsSlotCanBeSetAnew) {
  Memo memo;
  memo.AddEvent(0, true);
  memo.AddEvent(1, true);
  memo.Set(2, {Tag::kInt, 9});
  EXPECT_FALSE(memo.IsEvent(2));
  EXPECT_EQ(memo[2], Value(Tag::kInt, 9));
  EXPECT_EQ(memo.EventAt(3).row, 1u);
  EXPECT_TRUE(memo.EventAt(3).is_list);
}

// Millions of events cost bits, not values.
TEST(Memo, EventsTakeHardlyAnyMemory) {
  Memo memo;
  for (uint32_t row = 0; row < 1000000; ++row) memo.AddEvent(row, true);
  EXPECT_LT(memo.memory(), 1u << 20);
}

}  // namespace
}  // namespace vramcast::snapshot
