#include "base/bytes.h"

#include <gtest/gtest.h>

namespace vramcast {
namespace {

using namespace literals;

TEST(FormatBytes, PrintsAsPyTorchDoes) {
  EXPECT_EQ(FormatBytes(0_B), "0 bytes");
  EXPECT_EQ(FormatBytes(1024_B), "1024 bytes");
  EXPECT_EQ(FormatBytes(1536_B), "1.50 KiB");
  EXPECT_EQ(FormatBytes(1_GiB), "1024.00 MiB");
  EXPECT_EQ(FormatBytes(80_GiB), "80.00 GiB");
  EXPECT_EQ(FormatBytes(2000_GiB), "2000.00 GiB");
  EXPECT_EQ(FormatBytes(-20_MiB), "-20.00 MiB");
}

TEST(ParseBytes, ReadsWhatPeopleType) {
  EXPECT_EQ(ParseBytes("24GiB"), 24_GiB);
  EXPECT_EQ(ParseBytes(" 24 gb "), 24_GiB);
  EXPECT_EQ(ParseBytes("8.5g"), 8704_MiB);
  EXPECT_EQ(ParseBytes("1024"), 1024_B);
}

TEST(ParseBytes, RefusesWhatIsNotASize) {
  for (const char* text : {"", "GiB", "-4GiB", "24 apples", "1.2.3", "1e30", "99999999999999t"}) {
    const auto parsed = ParseBytes(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kUsage);
  }
}

}  // namespace
}  // namespace vramcast
