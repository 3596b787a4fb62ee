#include "crashlog/size_text.h"

#include <gtest/gtest.h>

namespace vramcast::crashlog {
namespace {

TEST(ReadSize, RoundsToTheNearestByte) {
  EXPECT_EQ(ReadSize("5.61", "GiB"), Bytes(6023691633));
  EXPECT_EQ(ReadSize("1024.00", "mib"), Bytes(1 << 30));
  EXPECT_EQ(ReadSize("45.776367", "MB"), Bytes(48000000));
  EXPECT_EQ(ReadSize("800,000,000,000", "bytes"), Bytes(800000000000));
  EXPECT_EQ(ReadSize("0", "bytes"), Bytes(0));
  EXPECT_EQ(ReadSize("-2.50", "GiB"), Bytes(-2684354560));
  EXPECT_EQ(ReadSize("31.25", "G"), Bytes(33554432000));
  EXPECT_EQ(ReadSize("31,25", "GiB"), Bytes(33554432000));  // a decimal comma
  EXPECT_EQ(ReadSize("49,152.00", "MiB"), Bytes(51539607552));
}

TEST(ReadSize, KnowsWhatIsNotASize) {
  EXPECT_EQ(ReadSize("17179869184.00", "GiB"), std::nullopt);  // 2^64: not known
  EXPECT_EQ(ReadSize("", "GiB"), std::nullopt);
  EXPECT_EQ(ReadSize("1.2.3", "GiB"), std::nullopt);
  EXPECT_EQ(ReadSize("12", "x"), std::nullopt);
  EXPECT_EQ(ReadSize("99999999999999999999999", "bytes"), std::nullopt);
}

}  // namespace
}  // namespace vramcast::crashlog
