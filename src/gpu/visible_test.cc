#include "gpu/visible.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vramcast::gpu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Gpu Card(const std::string& name, const std::string& uuid) {
  Gpu gpu{.name = name, .uuid = uuid};
  gpu.card = CardForDriver(name, std::nullopt);
  return gpu;
}

std::vector<Gpu> ThreeAlike() {
  return {Card("NVIDIA A40", "GPU-aaa1"), Card("NVIDIA A40", "GPU-aab2"),
          Card("NVIDIA A40", "GPU-ccc3")};
}

std::vector<size_t> Indices(const Visible& visible) {
  std::vector<size_t> indices;
  for (const VisibleDevice& device : visible.devices) indices.push_back(device.gpu);
  return indices;
}

TEST(ResolveVisible, WithoutARuleAllAreSeen) {
  const Visible visible = ResolveVisible(ThreeAlike(), std::nullopt, std::nullopt);
  EXPECT_THAT(Indices(visible), ElementsAre(0, 1, 2));
  EXPECT_THAT(visible.notes, IsEmpty());
}

TEST(ResolveVisible, KeepsTheOrderOfTheRule) {
  EXPECT_THAT(Indices(ResolveVisible(ThreeAlike(), "2, 0", std::nullopt)), ElementsAre(2, 0));
}

TEST(ResolveVisible, AnEmptyRuleAndMinusOneHideEverything) {
  for (const char* rule : {"", "-1", " "}) {
    const Visible visible = ResolveVisible(ThreeAlike(), rule, std::nullopt);
    EXPECT_THAT(visible.devices, IsEmpty()) << rule;
    ASSERT_EQ(visible.notes.size(), 1u) << rule;
    EXPECT_THAT(visible.notes[0], HasSubstr("hides every GPU"));
  }
}

TEST(ResolveVisible, StopsAtTheFirstEntryThatNamesNothing) {
  const Visible visible = ResolveVisible(ThreeAlike(), "1,7,0", std::nullopt);
  EXPECT_THAT(Indices(visible), ElementsAre(1));
  EXPECT_THAT(visible.notes, ElementsAre(HasSubstr("'7'")));
  EXPECT_THAT(Indices(ResolveVisible(ThreeAlike(), "1,-1,0", std::nullopt)), ElementsAre(1));
}

TEST(ResolveVisible, ADoubledDeviceHidesAll) {
  const Visible visible = ResolveVisible(ThreeAlike(), "0,GPU-aaa1", std::nullopt);
  EXPECT_THAT(visible.devices, IsEmpty());
  EXPECT_THAT(visible.notes, ElementsAre(HasSubstr("twice")));
}

TEST(ResolveVisible, TakesUuidsAndTheirUnambiguousBeginnings) {
  EXPECT_THAT(Indices(ResolveVisible(ThreeAlike(), "GPU-ccc3,GPU-aab", std::nullopt)),
              ElementsAre(2, 1));
  EXPECT_THAT(Indices(ResolveVisible(ThreeAlike(), "GPU-aa", std::nullopt)), IsEmpty());
}

TEST(ResolveVisible, CudaCountsMixedCardsFastestFirstUnlessToldOtherwise) {
  const std::vector<Gpu> gpus = {Card("Tesla T4", "GPU-1"), Card("NVIDIA H100 PCIe", "GPU-2")};
  const Visible fastest = ResolveVisible(gpus, "0", std::nullopt);
  EXPECT_THAT(Indices(fastest), ElementsAre(1));
  EXPECT_THAT(fastest.notes, ElementsAre(HasSubstr("CUDA_DEVICE_ORDER=PCI_BUS_ID")));
  const Visible by_bus = ResolveVisible(gpus, "0", "PCI_BUS_ID");
  EXPECT_THAT(Indices(by_bus), ElementsAre(0));
  EXPECT_THAT(by_bus.notes, IsEmpty());
  EXPECT_THAT(ResolveVisible(gpus, "GPU-1", std::nullopt).notes, IsEmpty());
}

TEST(ResolveVisible, InstancesAreNamedByUuidOldAndNew) {
  std::vector<Gpu> gpus = {Card("NVIDIA A100-SXM4-40GB", "GPU-77")};
  gpus[0].mig_enabled = true;
  gpus[0].instances = {
      {.uuid = "MIG-x1", .name = "1g.5gb", .gpu_instance = 7, .compute_instance = 0},
      {.uuid = "MIG-x2", .name = "3g.20gb", .gpu_instance = 2, .compute_instance = 0}};
  const auto instance = [&gpus](std::optional<std::string_view> rule) {
    const Visible visible = ResolveVisible(gpus, rule, std::nullopt);
    return visible.devices.size() == 1 ? visible.devices[0].instance : std::nullopt;
  };
  EXPECT_EQ(instance("MIG-x2"), 1u);
  EXPECT_EQ(instance("MIG-GPU-77/2/0"), 1u);
  EXPECT_EQ(instance(std::nullopt), 0u);
  EXPECT_EQ(instance("0"), 0u);
}

}  // namespace
}  // namespace vramcast::gpu
