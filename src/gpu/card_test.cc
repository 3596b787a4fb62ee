#include "gpu/card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "base/text.h"

namespace vramcast::gpu {
namespace {

using namespace literals;  // NOLINT: sizes
using testing::HasSubstr;

std::string NameOf(std::string_view text) {
  const auto match = FindCard(text);
  return match ? match->card.name : "error: " + match.error().message;
}

TEST(FindCard, ReadsWhatPeopleWrite) {
  EXPECT_EQ(NameOf("RTX 3090"), "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(NameOf("rtx3090"), "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(NameOf("3090"), "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(NameOf("rtx-3090-ti"), "NVIDIA GeForce RTX 3090 Ti");
  EXPECT_EQ(NameOf("3090ti"), "NVIDIA GeForce RTX 3090 Ti");
  EXPECT_EQ(NameOf("RTX 3090 24GB"), "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(NameOf("4070 Ti Super"), "NVIDIA GeForce RTX 4070 Ti SUPER");
  EXPECT_EQ(NameOf("rtx4070tisuper"), "NVIDIA GeForce RTX 4070 Ti SUPER");
  EXPECT_EQ(NameOf("4090 laptop"), "NVIDIA GeForce RTX 4090 Laptop GPU");
  EXPECT_EQ(NameOf("NVIDIA GeForce RTX 4070 Laptop"), "NVIDIA GeForce RTX 4070 Laptop GPU");
  EXPECT_EQ(NameOf("1660s"), "NVIDIA GeForce GTX 1660 SUPER");
  EXPECT_EQ(NameOf("titan rtx"), "NVIDIA TITAN RTX");
  EXPECT_EQ(NameOf("Titan V"), "NVIDIA TITAN V");
  EXPECT_EQ(NameOf("t4"), "Tesla T4");
  EXPECT_EQ(NameOf("L40S"), "NVIDIA L40S");
  EXPECT_EQ(NameOf("A10G"), "NVIDIA A10G");
  EXPECT_EQ(NameOf("a10"), "NVIDIA A10");
  EXPECT_EQ(NameOf("A6000"), "NVIDIA RTX A6000");
  EXPECT_EQ(NameOf("RTX 6000 Ada"), "NVIDIA RTX 6000 Ada Generation");
  EXPECT_EQ(NameOf("rtx pro 6000"), "NVIDIA RTX PRO 6000 Blackwell Workstation Edition");
  EXPECT_EQ(NameOf("Quadro RTX 4000"), "Quadro RTX 4000");
  EXPECT_EQ(NameOf("dgx spark"), "NVIDIA GB10");
  EXPECT_EQ(NameOf("5090 D v2"), "NVIDIA GeForce RTX 5090 D v2");
  EXPECT_EQ(NameOf("RTX PRO 3000 Blackwell Laptop"),
            "NVIDIA RTX PRO 3000 Blackwell Generation Laptop GPU");
}

TEST(FindCard, TellsVariantsApart) {
  EXPECT_EQ(NameOf("a100-40gb"), "NVIDIA A100-SXM4-40GB");
  EXPECT_EQ(NameOf("A100 80 GB"), "NVIDIA A100-SXM4-80GB");
  EXPECT_EQ(NameOf("a100 80g pcie"), "NVIDIA A100 80GB PCIe");
  EXPECT_EQ(NameOf("V100 32GB"), "Tesla V100-SXM2-32GB");
  EXPECT_EQ(NameOf("v100"), "Tesla V100-SXM2-16GB");
  EXPECT_EQ(NameOf("H100"), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(NameOf("h100nvl"), "NVIDIA H100 NVL");
  EXPECT_EQ(NameOf("H100 NVL (93.1 GB)"), "NVIDIA H100 NVL");
  EXPECT_EQ(NameOf("H100 PCIe"), "NVIDIA H100 PCIe");
  EXPECT_EQ(NameOf("gtx 1060 3gb"), "NVIDIA GeForce GTX 1060 3GB");
  EXPECT_EQ(FindCard("RTX 3080 12GB")->card.sold_gb, 12);
  EXPECT_EQ(FindCard("RTX 3080")->card.sold_gb, 10);
  EXPECT_EQ(FindCard("5060 ti 8gb")->card.sold_gb, 8);
  EXPECT_EQ(FindCard("Jetson Orin NX 8GB")->card.sold_gb, 8);
  EXPECT_EQ(FindCard("Jetson AGX Orin")->card.sold_gb, 64);
  EXPECT_EQ(NameOf("GH200 480GB"), "NVIDIA GH200 480GB");
  EXPECT_EQ(FindCard("GH200")->card.sold_gb, 96);
}

TEST(FindCard, SaysWhichVariantItTookAndWhatElseCouldBeMeant) {
  const auto match = FindCard("A100");
  ASSERT_TRUE(match);
  ASSERT_EQ(match->notes.size(), 1u);
  EXPECT_THAT(match->notes[0], HasSubstr("80 GB"));
  EXPECT_TRUE(FindCard("RTX 4090")->notes.empty());
}

TEST(FindCard, FindsANameInsideALongerText) {
  EXPECT_EQ(NameOf("8xH100"), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(NameOf("8x NVIDIA H100 80GB HBM3"), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(NameOf("my box has two A100s, shared"), "NVIDIA A100-SXM4-40GB");
  EXPECT_EQ(NameOf("GPU 0: NVIDIA GeForce RTX 4090 (UUID: GPU-5b3c2a10-0000)"),
            "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(NameOf("a single RTX 3090 under my desk at step 4000 of 5000"),
            "NVIDIA GeForce RTX 3090");
  EXPECT_THAT(NameOf("we stopped at step 4000 and went home again"), HasSubstr("unknown GPU"));
}

TEST(FindCard, ReadsExactSizesAndSizesOnTheBox) {
  const auto exact = FindCard("24GiB");
  ASSERT_TRUE(exact);
  EXPECT_EQ(exact->card.total, 24_GiB);
  EXPECT_FALSE(exact->card.capability.has_value());
  EXPECT_EQ(FindCard("23.69 GiB")->card.total, Bytes(25436943811));
  EXPECT_EQ(FindCard("25769803776")->card.total, 24_GiB);
  EXPECT_EQ(FindCard("24576 MiB")->card.total, 24_GiB);

  for (const char* text : {"24GB", "24 GB", "24gb", "24G"}) {
    const auto sold = FindCard(text);
    ASSERT_TRUE(sold) << text;
    EXPECT_LT(sold->card.total, 24_GiB) << text;
    EXPECT_GT(sold->card.total, 23_GiB) << text;
    EXPECT_LE(sold->card.total_low, sold->card.total);
    EXPECT_GE(sold->card.total_high, sold->card.total);
    EXPECT_TRUE(sold->card.estimated);
  }
  EXPECT_NEAR(FindCard("80GB")->card.total.gib(), 79.2, 0.15);
  EXPECT_EQ(FindCard("100GB")->notes.size(), 1u);
}

TEST(FindCard, AKnownGpuWithUnusualMemoryKeepsItsOtherProperties) {
  const auto modded = FindCard("RTX 4090 48GB");
  ASSERT_TRUE(modded);
  EXPECT_GT(modded->card.total, 44_GiB);
  EXPECT_EQ(modded->card.capability, (ComputeCapability{8, 9}));
  EXPECT_THAT(modded->notes[0], HasSubstr("48 GB"));
}

TEST(FindCard, ReadsMigProfiles) {
  const auto slice = FindCard("NVIDIA A100-SXM4-40GB MIG 1g.5gb");
  ASSERT_TRUE(slice);
  EXPECT_LT(slice->card.total, 5_GiB);
  EXPECT_GT(slice->card.total, Bytes(4'600'000'000));
  EXPECT_EQ(slice->card.capability, (ComputeCapability{8, 0}));
}

TEST(FindCard, SuggestsTheNearestName) {
  EXPECT_THAT(NameOf("RTX 3909"), HasSubstr("did you mean \"RTX 3090\""));
  EXPECT_THAT(NameOf("RTX 4O90"), HasSubstr("did you mean \"RTX 4090\""));
  EXPECT_THAT(NameOf("RTX 3090 Super"), HasSubstr("did you mean \"RTX 3090\""));
  EXPECT_THAT(NameOf("Voodoo 2"), HasSubstr("unknown GPU 'Voodoo 2'"));
}

TEST(FindCard, RefusesWhatCannotBeACard) {
  for (const char* text :
       {"", "   ", "-3GB", "0", "80", "1000000", "nan", "1e400GB", "GB", "\x01\xff"}) {
    const auto match = FindCard(text);
    ASSERT_FALSE(match) << text << " -> " << match->card.name;
    EXPECT_EQ(match.error().kind, ErrorKind::kUsage) << text;
  }
}

RC_GTEST_PROP(FindCard, AnyTextIsACardOrAUsageError, (const std::string& text)) {
  const auto match = FindCard(text);
  RC_ASSERT(match || match.error().kind == ErrorKind::kUsage);
}

TEST(Catalogue, EveryCardFindsItselfByItsDriversName) {
  for (const Card& card : Catalogue()) {
    const auto match = FindCard(card.name);
    ASSERT_TRUE(match) << card.name;
    EXPECT_EQ(match->card.name, card.name);
    const auto driver = CardForDriver(card.name, card.board_total);
    ASSERT_TRUE(driver) << card.name;
    if (card.board_total) {
      EXPECT_EQ(driver->total, card.total) << card.name;
    }
  }
}

TEST(Catalogue, TotalsAreBelowTheBoardsAndWithinTheirIntervals) {
  std::set<std::pair<std::string, int>> seen;
  for (const Card& card : Catalogue()) {
    EXPECT_LE(card.total_low, card.total) << card.name;
    EXPECT_LE(card.total, card.total_high) << card.name;
    ASSERT_TRUE(card.sold_gb) << card.name;
    EXPECT_LE(card.total, *card.sold_gb * 1_GiB) << card.name;
    EXPECT_GE(card.total, *card.sold_gb * 850_MiB) << card.name;
    if (card.board_total) {
      EXPECT_LT(card.total, *card.board_total) << card.name;
    }
    EXPECT_TRUE(card.capability && card.shared_per_block) << card.name;
  }
}

TEST(CardForDriver, ChoosesTheVariantByItsMemoryAndTakesOldNames) {
  EXPECT_EQ(CardForDriver("NVIDIA GeForce RTX 3080", 12288_MiB)->sold_gb, 12);
  EXPECT_EQ(CardForDriver("GeForce RTX 3080", 10018_MiB)->sold_gb, 10);
  EXPECT_EQ(CardForDriver("NVIDIA Tesla T4", 15360_MiB)->name, "Tesla T4");
  EXPECT_FALSE(CardForDriver("Radeon", 10018_MiB).has_value());
}

}  // namespace
}  // namespace vramcast::gpu
