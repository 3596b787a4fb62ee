#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/machine.h"

namespace vramcast::gpu {
namespace {

using namespace literals;  // NOLINT: sizes

TEST(Capacity, IsWhatTheDriverLeavesToPrograms) {
  Machine machine;
  machine.gpus.push_back({.name = "NVIDIA H100 80GB HBM3",
                          .total = 81559_MiB,
                          .used = 1000_MiB,
                          .free = 80008_MiB,
                          .reserved = 551_MiB});
  machine.visible = {{.gpu = 0}};
  const auto capacity = SmallestDevice(machine);
  ASSERT_TRUE(capacity);
  EXPECT_EQ(FormatBytes(capacity->total), "79.11 GiB");
  EXPECT_EQ(capacity->other, 1000_MiB);
}

TEST(Capacity, WithoutTheReserveTheCatalogueKnowsIt) {
  Machine machine;
  machine.gpus.push_back(
      {.name = "NVIDIA GeForce RTX 3090", .total = 24576_MiB, .free = 24259_MiB});
  machine.gpus[0].card = CardForDriver(machine.gpus[0].name, machine.gpus[0].total);
  EXPECT_EQ(FormatBytes(CapacityOf(machine, {.gpu = 0})->total), "23.57 GiB");
  // Never more free than there is.
  EXPECT_EQ(CapacityOf(machine, {.gpu = 0})->other, Bytes(0));
  machine.gpus[0].card.reset();
  EXPECT_NEAR(CapacityOf(machine, {.gpu = 0})->total.gib(), 23.57, 0.05);
}

TEST(Capacity, TheSmallestVisibleDeviceDecides) {
  Machine machine;
  machine.gpus.push_back({.name = "A", .total = 80_GiB, .reserved = 0_B});
  machine.gpus.push_back({.name = "B", .total = 24_GiB, .free = 20_GiB, .reserved = 0_B});
  machine.gpus.push_back({.name = "C", .total = 24_GiB, .free = 10_GiB, .reserved = 0_B});
  machine.gpus.push_back({.name = "D"});
  machine.visible = {{.gpu = 0}, {.gpu = 1}, {.gpu = 2}, {.gpu = 3}};
  EXPECT_EQ(SmallestDevice(machine)->name, "C");
  machine.visible = {{.gpu = 0}};
  EXPECT_EQ(SmallestDevice(machine)->name, "A");
  machine.visible = {{.gpu = 3}};
  EXPECT_FALSE(SmallestDevice(machine).has_value());
}

TEST(Capacity, AnInstanceHasItsOwn) {
  Machine machine;
  machine.gpus.push_back({.name = "NVIDIA A100-SXM4-40GB", .total = 40960_MiB});
  machine.gpus[0].instances.push_back({.uuid = "MIG-1", .name = "1g.5gb", .total = 4864_MiB});
  machine.visible = {{.gpu = 0, .instance = 0}};
  EXPECT_EQ(SmallestDevice(machine)->total, 4864_MiB);
  EXPECT_EQ(SmallestDevice(machine)->name, "NVIDIA A100-SXM4-40GB MIG 1g.5gb");
}

}  // namespace
}  // namespace vramcast::gpu
