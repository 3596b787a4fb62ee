#include "diagnosis/rules.h"

#include <gtest/gtest.h>

#include "diagnosis/case_for_test.h"

namespace vramcast::diagnosis {
namespace {

using namespace literals;
using crashlog::OomEvent;
using crashlog::Pattern;
using crashlog::Wording;

Cause First(const CaseForTest& made) { return FindCauses(*made).front().cause; }

TEST(Rules, AFullCardIsCapacity) {
  EXPECT_EQ(First(CaseForTest(FullCardEvent())), Cause::kCapacity);
}

TEST(Rules, ARequestAboveTheCardIsTooLarge) {
  OomEvent event = FullCardEvent();
  event.requested = 30_GiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kRequestTooLarge);
}

TEST(Rules, ASecondCopyOfEverythingIsTooLargeButAGradientIsNot) {
  OomEvent event = FullCardEvent();
  event.allocated = 14_GiB;
  event.reserved_unallocated = 10_MiB;
  event.process_in_use = 14_GiB + 300_MiB;
  event.free = 24_GiB - 14_GiB - 300_MiB;
  event.requested = 14_GiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kRequestTooLarge);
  event.in_backward = true;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kCapacity);
}

TEST(Rules, AListedNeighbourThatHoldsWhatIsMissingIsTheCause) {
  OomEvent event = FullCardEvent();
  event.allocated = 12_GiB;
  event.process_in_use = 12_GiB + 500_MiB;
  event.other_processes = {{.pid = 4711, .bytes = 11_GiB}};
  const CaseForTest made(event);
  EXPECT_EQ(First(made), Cause::kOtherProcess);
  EXPECT_NE(FindCauses(*made)[0].evidence[0].text.find("4711"), std::string::npos);
}

TEST(Rules, ANeighbourWithABareContextIsNot) {
  OomEvent event = FullCardEvent();
  event.other_processes = {{.pid = 4711, .bytes = 400_MiB}};
  EXPECT_EQ(First(CaseForTest(event)), Cause::kCapacity);
}

TEST(Rules, ANeighbourThatIsHiddenShowsInTheSum) {
  OomEvent event = FullCardEvent();
  event.allocated = 4_GiB;
  event.process_in_use = 4_GiB + 400_MiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kOtherProcess);
}

TEST(Rules, MemoryBesideALargePoolIsThisProcessesOwn) {
  OomEvent event = FullCardEvent();
  event.process_in_use.reset();
  event.allocated = 16_GiB;
  event.reserved_unallocated = 200_MiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kOutsidePytorchPool);
}

TEST(Rules, EnoughInPiecesIsFragmentationUnlessItIsOnlyACrumb) {
  OomEvent event = FullCardEvent();
  event.allocated = 17_GiB;
  event.reserved_unallocated = 5_GiB;
  event.requested = 2_GiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kFragmentation);
  event.allocated = 22_GiB;
  event.reserved_unallocated = 300_MiB;
  event.requested = 256_MiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kCapacity);
}

TEST(Rules, ALimitThatIsReachedWhileTheCardHasRoomIsTheCause) {
  OomEvent event = FullCardEvent();
  event.allocated = 9_GiB;
  event.process_in_use = 10_GiB;
  event.free = 13_GiB;
  event.allowed = 10_GiB;
  event.requested = 2_GiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kSoftwareCap);
}

TEST(Rules, ALimitThatIsFarAwayIsNot) {
  OomEvent event = FullCardEvent();
  event.allocated = 3_GiB;
  event.process_in_use = 4_GiB;
  event.free = 0_B;
  event.allowed = 20_GiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kOtherProcess);
}

TEST(Rules, ARefusalWithRoomIsTheDriversAndSmallerBatchesDoNotHelp) {
  OomEvent event = FullCardEvent();
  event.allocated = 3_GiB;
  event.process_in_use = 4_GiB;
  event.free = 20_GiB;
  event.requested = 20_MiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kSettingOrDriverFault);
}

TEST(Rules, ANearMissIsStillAFullCard) {
  OomEvent event = FullCardEvent();
  event.free = 530_MiB;  // more than the 512 MiB asked for: rounding, and pages the driver keeps
  EXPECT_EQ(First(CaseForTest(event)), Cause::kCapacity);
}

TEST(Rules, PrivatePoolsThatHoldMuchAreOutside) {
  OomEvent event = FullCardEvent();
  event.private_pools = 9_GiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kOutsidePytorchPool);
}

TEST(Rules, AServerThatSizedItsCacheLeftTooLittleBesideIt) {
  EXPECT_EQ(
      First(CaseForTest(FullCardEvent(), {"(EngineCore) INFO GPU KV cache size: 61,000 tokens",
                                          "(EngineCore) INFO Graph capturing finished in 3 secs"})),
      Cause::kSoftwareCap);
}

TEST(Rules, WhatIsTakenBeforeAServerStartsIsSomeoneElses) {
  OomEvent event = FullCardEvent();
  event.wording = Wording::kVllmStartup;
  event.allocated.reset();
  event.process_in_use.reset();
  event.free = 5_GiB;
  event.requested = 21_GiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kOtherProcess);
  event.free = 23_GiB + 200_MiB;
  event.requested = 23_GiB + 900_MiB;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kSoftwareCap);
}

TEST(Rules, MemoryThatTheRunPrintedAndThatRoseIsGrowth) {
  crashlog::LogReport report;
  for (int i = 0; i < 8; ++i) {
    report.memory.push_back({.source = "max_mem", .bytes = (10 + i) * 1_GiB, .step = i * 100});
  }
  OomEvent event = FullCardEvent();
  event.step = 800;
  event.pattern = Pattern::kGradual;
  EXPECT_EQ(First(CaseForTest(event, {}, report)), Cause::kGrowthOverTime);
}

TEST(Rules, AFlatSeriesIsNot) {
  crashlog::LogReport report;
  for (int i = 0; i < 8; ++i) {
    report.memory.push_back({.source = "max_mem", .bytes = 20_GiB, .step = i * 100});
  }
  OomEvent event = FullCardEvent();
  event.step = 800;
  event.pattern = Pattern::kGradual;
  EXPECT_EQ(First(CaseForTest(event, {}, report)), Cause::kCapacity);
}

TEST(Rules, NcclsOwnBuffersLieOutsideThePool) {
  OomEvent event;
  event.is_vram_oom = true;
  event.wording = Wording::kNccl;
  event.library_request = 6_MiB;
  event.evidence = "NCCL WARN Failed to CUDA calloc 6291456 bytes";
  EXPECT_EQ(First(CaseForTest(event)), Cause::kOutsidePytorchPool);
}

TEST(Rules, AutotuningThatCopiesItsInputsIsARequestTheJobNeverMakes) {
  EXPECT_EQ(
      First(CaseForTest(FullCardEvent(),
                        {"  arg_0 = rand_strided((50000, 4096), (4096, 1), device='cuda:0')"})),
      Cause::kRequestTooLarge);
}

TEST(Rules, HostMemoryAndLookAlikesAreWhatTheirWordsSay) {
  OomEvent event;
  event.wording = Wording::kCpuAllocator;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kHostMemory);
  event.wording = Wording::kIllegalAccess;
  EXPECT_EQ(First(CaseForTest(event)), Cause::kNotMemory);
}

TEST(Rules, ADeathWithoutAnyNumberStillHasACause) {
  for (size_t i = 0; i < crashlog::kWordingCount; ++i) {
    OomEvent event;
    event.wording = static_cast<Wording>(i);
    event.is_vram_oom = crashlog::MemoryOf(event.wording) == crashlog::Memory::kGpu;
    EXPECT_FALSE(FindCauses(*CaseForTest(event)).empty()) << i;
  }
}

}  // namespace
}  // namespace vramcast::diagnosis
