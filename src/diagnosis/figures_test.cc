#include "diagnosis/figures.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "diagnosis/case_for_test.h"

namespace vramcast::diagnosis {
namespace {

using namespace literals;

TEST(Figures, PutsWhoHoldsWhatBesideEachOther) {
  crashlog::OomEvent event = FullCardEvent();
  event.other_processes = {{.pid = 77, .bytes = 600_MiB}};
  const Figures f = FiguresOf(event);
  EXPECT_EQ(f.pool, 22_GiB + 200_MiB);
  EXPECT_EQ(f.self, 23_GiB);
  EXPECT_EQ(f.outside_pool, 1_GiB - 200_MiB);
  EXPECT_EQ(f.neighbours_sum, 600_MiB);
  EXPECT_EQ(f.unnamed, 24_GiB - 100_MiB - 23_GiB - 600_MiB);
  EXPECT_EQ(f.short_by, 412_MiB);
}

TEST(Figures, InAContainerTheEntryJustAboveThePoolIsThisProcess) {
  crashlog::OomEvent event = FullCardEvent();
  event.allocated = 5_GiB;
  event.process_in_use.reset();
  event.other_processes = {{.pid = 1, .bytes = 17_GiB}, {.pid = 9, .bytes = 6_GiB}};
  const Figures f = FiguresOf(event);
  EXPECT_EQ(f.self, 6_GiB);
  ASSERT_EQ(f.neighbours.size(), 1u);
  EXPECT_EQ(f.neighbours[0].pid, 1);
}

TEST(Figures, ZeroBytesInUseIsNotAFact) {
  crashlog::OomEvent event = FullCardEvent();
  event.process_in_use = 0_B;
  const Figures f = FiguresOf(event);
  EXPECT_FALSE(f.self.has_value());
  EXPECT_FALSE(f.outside_pool.has_value());
}

TEST(Figures, ANeighbourOfUnknownSizeCountsAsNothing) {
  crashlog::OomEvent event = FullCardEvent();
  event.other_processes = {{.pid = 5, .bytes = std::nullopt}};
  EXPECT_EQ(FiguresOf(event).neighbours_sum, 0_B);
}

TEST(Figures, AnApplesWatermarkIsNoLimitThatSomeoneSet) {
  crashlog::OomEvent event = FullCardEvent();
  event.wording = crashlog::Wording::kMps;
  event.allowed = 20_GiB;
  const Figures f = FiguresOf(event);
  EXPECT_EQ(f.watermark, 20_GiB);
  EXPECT_FALSE(f.allowed.has_value());
}

TEST(Figures, ReservedIncludesAllocated) {
  crashlog::OomEvent event = FullCardEvent();
  event.reserved_unallocated.reset();
  event.reserved = 23_GiB;
  const Figures f = FiguresOf(event);
  EXPECT_EQ(f.pool, 23_GiB);
  EXPECT_EQ(f.unallocated, 1_GiB);
}

RC_GTEST_PROP(Figures, NothingThatIsHeldIsNegative,
              (uint32_t total, uint32_t free, uint32_t allocated, uint32_t self)) {
  crashlog::OomEvent event;
  event.total = Bytes(total);
  event.free = Bytes(free);
  event.allocated = Bytes(allocated);
  event.process_in_use = Bytes(self);
  event.requested = 1_MiB;
  const Figures f = FiguresOf(event);
  RC_ASSERT(!f.unnamed || *f.unnamed >= 0_B);
  RC_ASSERT(!f.outside_pool || *f.outside_pool >= 0_B);
}

}  // namespace
}  // namespace vramcast::diagnosis
