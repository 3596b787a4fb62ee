#include "allocator/allocator.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

namespace vramcast {
namespace {

constexpr int64_t kMiB = 1 << 20;

struct Fixture {
  explicit Fixture(AllocatorSettings s = {}, std::optional<Bytes> total = {})
      : settings(s), device({.total = total}), allocator(settings, device, streams) {}
  BlockId Get(int64_t size, StreamId stream = 0) {
    const auto block = allocator.Malloc(size, stream);
    EXPECT_TRUE(block.has_value());
    return block.value_or(BlockId{});
  }
  uint64_t AddressOf(BlockId id) const { return allocator.block(id).address; }

  std::vector<uint64_t> streams = {0, 7};
  AllocatorSettings settings;
  SimulatedDevice device;
  Allocator allocator;
};

AllocatorSettings Conf(std::string_view text, TorchVersion torch = {}) {
  const auto settings = ParseAllocConf(text, torch);
  EXPECT_TRUE(settings.has_value()) << settings.error().message;
  return settings.value_or(AllocatorSettings{});
}

TEST(Allocator, SegmentSizesFollowTheRequest) {
  Fixture f;
  f.Get(1);
  EXPECT_EQ(f.allocator.reserved_bytes(), 2 * kMiB);
  f.Get(kMiB + 1);
  EXPECT_EQ(f.allocator.reserved_bytes(), 22 * kMiB);
  f.Get(30 * kMiB + 1);
  EXPECT_EQ(f.allocator.reserved_bytes(), 54 * kMiB);
}

TEST(Allocator, ALargeBlockKeepsARemainderOfOneMiBOrLess) {
  Fixture f;
  const BlockId block = f.Get(11 * kMiB);
  EXPECT_EQ(f.allocator.block(block).size, 12 * kMiB);
  EXPECT_EQ(f.allocator.allocated_bytes(), 12 * kMiB);
}

TEST(Allocator, BestFitTakesTheLowestAddressAmongEquals) {
  Fixture f;
  std::vector<BlockId> blocks;
  for (int i = 0; i < 6; ++i) blocks.push_back(f.Get(4096));
  const uint64_t low = f.AddressOf(blocks[1]);
  f.allocator.CompleteFree(blocks[3]);
  f.allocator.CompleteFree(blocks[1]);
  EXPECT_EQ(f.AddressOf(f.Get(4000)), low);
}

TEST(Allocator, TheBlockCounterOf212TakesTheOldestBlock) {
  Fixture f(DefaultSettings({2, 12}));
  // Two segments of equal size; the one that comes second lies lower.
  f.device.OccupyRange(0x7f0000000000, 200 * kMiB);
  const BlockId first = f.Get(20 * kMiB);
  f.device.Free(0x7f0000000000, {});
  const BlockId second = f.Get(20 * kMiB);
  ASSERT_LT(f.AddressOf(second), f.AddressOf(first));
  const uint64_t expected = f.AddressOf(first);
  f.allocator.CompleteFree(second);
  f.allocator.CompleteFree(first);
  EXPECT_EQ(f.AddressOf(f.Get(20 * kMiB)), expected);
}

TEST(Allocator, ABlockBelongsToItsStream) {
  Fixture f;
  const BlockId block = f.Get(4096, 0);
  f.allocator.CompleteFree(block);
  f.Get(4096, 1);
  EXPECT_EQ(f.allocator.reserved_bytes(), 4 * kMiB);
}

TEST(Allocator, APendingBlockIsNotHandedOut) {
  Fixture f;
  const BlockId block = f.Get(20 * kMiB);
  f.allocator.RequestFree(block);
  EXPECT_EQ(f.allocator.allocated_bytes(), 0);
  EXPECT_EQ(f.allocator.statistics().active_bytes.all.current, 20 * kMiB);
  f.Get(20 * kMiB);
  EXPECT_EQ(f.allocator.reserved_bytes(), 40 * kMiB);
}

TEST(Allocator, CachedSegmentsAreGivenBackBeforeMemoryRunsOut) {
  Fixture f({}, Bytes(100 * kMiB));
  f.allocator.CompleteFree(f.Get(60 * kMiB));
  f.Get(80 * kMiB);
  EXPECT_EQ(f.allocator.statistics().num_alloc_retries, 1);
  EXPECT_EQ(f.allocator.reserved_bytes(), 80 * kMiB);
  EXPECT_FALSE(f.allocator.Malloc(40 * kMiB, 0).has_value());
  EXPECT_EQ(f.allocator.statistics().num_ooms, 1);
}

TEST(Allocator, SplitSegmentsCannotBeGivenBack) {
  Fixture f({}, Bytes(100 * kMiB));
  const BlockId whole = f.Get(60 * kMiB);
  f.allocator.CompleteFree(whole);
  f.Get(8 * kMiB);
  EXPECT_FALSE(f.allocator.Malloc(58 * kMiB, 0).has_value());
  EXPECT_EQ(f.allocator.LargestFree(58 * kMiB, 0), 52 * kMiB);
}

TEST(Allocator, ExpandableSegmentsGrowInPlace) {
  Fixture f(Conf("expandable_segments:True"), Bytes(200 * kMiB));
  const BlockId first = f.Get(15 * kMiB);
  EXPECT_EQ(f.allocator.reserved_bytes(), 20 * kMiB);
  const BlockId second = f.Get(30 * kMiB);
  EXPECT_EQ(f.AddressOf(second), f.AddressOf(first) + 15 * kMiB);
  EXPECT_EQ(f.allocator.reserved_bytes(), 60 * kMiB);
  EXPECT_EQ(f.allocator.statistics().inactive_split_bytes.all.current, 0);
}

TEST(Allocator, ExpandableSegmentsGiveBackWholeHandles) {
  Fixture f(Conf("expandable_segments:True"), Bytes(200 * kMiB));
  const BlockId first = f.Get(15 * kMiB);
  const BlockId middle = f.Get(90 * kMiB);
  f.Get(15 * kMiB);
  ASSERT_EQ(f.allocator.reserved_bytes(), 120 * kMiB);
  f.allocator.CompleteFree(middle);
  f.allocator.EmptyCache();
  // 15 to 105 MiB was free: the handles from 20 to 100 are inside it.
  EXPECT_EQ(f.allocator.reserved_bytes(), 40 * kMiB);
  f.allocator.CompleteFree(first);
  f.allocator.EmptyCache();
  EXPECT_EQ(f.allocator.reserved_bytes(), 20 * kMiB);
}

TEST(Allocator, MaxSplitSizeKeepsOversizeBlocksWhole) {
  Fixture f(Conf("max_split_size_mb:64"));
  const BlockId big = f.Get(100 * kMiB);
  f.allocator.CompleteFree(big);
  f.Get(30 * kMiB);  // must not cut the big block
  EXPECT_EQ(f.allocator.reserved_bytes(), 130 * kMiB);
  f.Get(78 * kMiB);  // 100 is not below 78 + 20
  f.Get(90 * kMiB);  // but below 90 + 20
  EXPECT_EQ(f.allocator.reserved_bytes(), 208 * kMiB);
}

TEST(Allocator, GarbageCollectionDropsWhatWasNotUsedForLong) {
  AllocatorSettings settings = Conf("garbage_collection_threshold:0.5");
  settings.memory_fraction = 1.0;
  Fixture f(settings, Bytes(200 * kMiB));
  const BlockId old = f.Get(40 * kMiB);
  f.allocator.CompleteFree(old);
  for (int i = 0; i < 10; ++i) f.allocator.CompleteFree(f.Get(70 * kMiB));
  f.Get(80 * kMiB);
  EXPECT_EQ(f.allocator.statistics().num_alloc_retries, 0);
  EXPECT_EQ(f.allocator.statistics().num_device_free, 1);
  EXPECT_EQ(f.allocator.reserved_bytes(), 150 * kMiB);
}

// As in a recording that contradicts itself: each block is still given back once.
TEST(Allocator, SegmentsAtOneAddressStayApart) {
  Fixture f;
  for (int i = 0; i < 2; ++i) {
    const SegmentId segment = f.allocator.PlaceSegment(kMiB, 20 * kMiB, 0, 1, false);
    f.allocator.PlaceBlock(segment, 20 * kMiB, 0, BlockState::kFree);
  }
  const BlockId first = f.Get(20 * kMiB);
  const BlockId second = f.Get(20 * kMiB);
  EXPECT_NE(first, second);
  EXPECT_EQ(f.AddressOf(first), f.AddressOf(second));
  f.allocator.CompleteFree(second);
  f.allocator.CompleteFree(first);
  f.allocator.EmptyCache();
  EXPECT_EQ(f.allocator.reserved_bytes(), 0);
}

TEST(Allocator, TheMemoryFractionRefusesBeforeTheDevice) {
  AllocatorSettings settings;
  settings.memory_fraction = 0.5;
  Fixture f(settings, Bytes(100 * kMiB));
  f.Get(40 * kMiB);
  EXPECT_FALSE(f.allocator.Malloc(12 * kMiB, 0).has_value());
  EXPECT_TRUE(f.allocator.refused_by_fraction());
}

// Whatever a program does, segments are covered by their blocks, free neighbours are merged, and
// the counters are the sums of the blocks.
void CheckInvariants(const Allocator& allocator) {
  int64_t reserved = 0, allocated = 0, active = 0;
  for (uint32_t i = 0; i < allocator.segment_count(); ++i) {
    const Segment& segment = allocator.segment(i);
    if (!segment.alive) continue;
    uint64_t address = segment.address;
    BlockId previous;
    for (BlockId id = segment.first; id.valid(); id = allocator.block(id).next) {
      const Block& block = allocator.block(id);
      RC_ASSERT(block.address == address);
      RC_ASSERT(block.previous == previous);
      if (previous.valid() && block.state == BlockState::kFree) {
        RC_ASSERT(allocator.block(previous).state != BlockState::kFree);
      }
      address += static_cast<uint64_t>(block.size);
      previous = id;
      if (block.state != BlockState::kUnmapped) reserved += block.size;
      if (block.state == BlockState::kAllocated) allocated += block.size;
      if (block.state == BlockState::kAllocated || block.state == BlockState::kPending) {
        active += block.size;
      }
    }
    RC_ASSERT(address == segment.address + static_cast<uint64_t>(segment.size));
  }
  RC_ASSERT(reserved == allocator.reserved_bytes());
  RC_ASSERT(allocated == allocator.allocated_bytes());
  RC_ASSERT(active == allocator.statistics().active_bytes.all.current);
}

RC_GTEST_PROP(Allocator, KeepsItsBooksUnderAnyProgram, ()) {
  const auto conf = *rc::gen::element<std::string>(
      "", "expandable_segments:True", "max_split_size_mb:32", "roundup_power2_divisions:4");
  Fixture f(*ParseAllocConf(conf), Bytes(300 * kMiB));
  f.settings.tie_rule = *rc::gen::element(TieRule::kAddress, TieRule::kBlockCounter);
  std::vector<BlockId> live;
  const int steps = *rc::gen::inRange(1, 120);
  for (int i = 0; i < steps; ++i) {
    const int what = *rc::gen::inRange(0, 10);
    if (what < 6) {
      const int64_t size = *rc::gen::inRange<int64_t>(1, 60 * kMiB);
      const auto block = f.allocator.Malloc(what < 3 ? size % 3000000 + 1 : size,
                                            *rc::gen::inRange<StreamId>(0, 2));
      if (block) live.push_back(*block);
    } else if (what < 9 && !live.empty()) {
      const auto at = *rc::gen::inRange<size_t>(0, live.size());
      if (what == 8) f.allocator.RequestFree(live[at]);
      f.allocator.CompleteFree(live[at]);
      live.erase(live.begin() + static_cast<ptrdiff_t>(at));
    } else {
      f.allocator.EmptyCache();
    }
    CheckInvariants(f.allocator);
  }
  for (const BlockId id : live) f.allocator.CompleteFree(id);
  f.allocator.EmptyCache();
  RC_ASSERT(f.allocator.reserved_bytes() == 0);
  RC_ASSERT(f.allocator.segment_count() == 0 || f.allocator.allocated_bytes() == 0);
}

}  // namespace
}  // namespace vramcast
