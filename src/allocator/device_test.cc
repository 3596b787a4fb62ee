#include "allocator/device.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace vramcast {
namespace {

constexpr int64_t kPage = 2 << 20;

class Places : public testing::TestWithParam<AddressOrder> {
 protected:
  DeviceSpec Spec() const {
    DeviceSpec spec;
    spec.address_order = GetParam();
    return spec;
  }
};

TEST_P(Places, TakeTheFirstGapThatIsLargeEnough) {
  SimulatedDevice device(Spec());
  std::vector<uint64_t> at;
  for (int i = 0; i < 6; ++i) at.push_back(*device.Allocate({.size = 2 * kPage}));
  device.Free(at[1], {.size = 2 * kPage});
  device.Free(at[3], {.size = 2 * kPage});
  EXPECT_EQ(*device.Allocate({.size = 2 * kPage}), at[1]);
  const uint64_t large = *device.Allocate({.size = 4 * kPage});
  for (const uint64_t taken : at) EXPECT_NE(large, taken);
  EXPECT_EQ(*device.Allocate({.size = 2 * kPage}), at[3]);
  device.Free(at[0], {.size = 2 * kPage});
  EXPECT_EQ(*device.Allocate({.size = 2 * kPage}), at[0]);
}

TEST_P(Places, NeverOverlap) {
  SimulatedDevice device(Spec());
  std::vector<std::pair<uint64_t, int64_t>> live;
  uint64_t random = 12345;
  for (int i = 0; i < 2000; ++i) {
    random = random * 6364136223846793005 + 1442695040888963407;
    if (!live.empty() && (random >> 33) % 3 == 0) {
      const size_t one = (random >> 40) % live.size();
      device.Free(live[one].first, {.size = live[one].second});
      live.erase(live.begin() + static_cast<ptrdiff_t>(one));
      continue;
    }
    const int64_t size = kPage * static_cast<int64_t>(1 + (random >> 36) % 5);
    const uint64_t address = *device.Allocate({.size = size});
    for (const auto& [other, length] : live) {
      EXPECT_TRUE(address >= other + static_cast<uint64_t>(length) ||
                  address + static_cast<uint64_t>(size) <= other);
    }
    live.emplace_back(address, size);
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, Places, testing::Values(AddressOrder::kUp, AddressOrder::kDown));

}  // namespace
}  // namespace vramcast
