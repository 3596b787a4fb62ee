#include "allocator/settings.h"

#include <gmock/gmock.h>

#include "allocator/rounding.h"

namespace vramcast {
namespace {

using testing::HasSubstr;

std::string ErrorOf(std::string_view conf, TorchVersion torch = {}) {
  const auto settings = ParseAllocConf(conf, torch);
  return settings ? "" : settings.error().message;
}

TEST(AllocConf, ReadsWhatPyTorchReads) {
  const auto settings = ParseAllocConf(
      " expandable_segments:True, max_split_size_mb:128,garbage_collection_threshold:0.8");
  ASSERT_TRUE(settings.has_value());
  EXPECT_TRUE(settings->expandable_segments);
  EXPECT_EQ(settings->max_split_size, Bytes(128 << 20));
  EXPECT_DOUBLE_EQ(settings->garbage_collection_threshold, 0.8);
  EXPECT_EQ(FormatAllocConf(*settings),
            "expandable_segments:True,max_split_size_mb:128,garbage_collection_threshold:0.8");
  EXPECT_EQ(ParseAllocConf(""), DefaultSettings());
}

TEST(AllocConf, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf("expandable_segment:True"), HasSubstr("did you mean expandable_segments"));
  EXPECT_THAT(ErrorOf("expandable_segments:true"), HasSubstr("True or False"));
  EXPECT_THAT(ErrorOf("max_split_size_mb:10"), HasSubstr("at least 20"));
  EXPECT_THAT(ErrorOf("max_split_size_mb"), HasSubstr("\":\" expected"));
  EXPECT_THAT(ErrorOf("garbage_collection_threshold:1.0"), HasSubstr("below 1"));
  EXPECT_THAT(ErrorOf("roundup_power2_divisions:3"), HasSubstr("powers of two"));
  EXPECT_THAT(ErrorOf("expandable_segments:True", {2, 0}), HasSubstr("came with 2.1"));
}

TEST(AllocConf, ListsOfDivisionsFillAsTheVersionDoes) {
  const auto now = ParseAllocConf("roundup_power2_divisions:[256:1,512:2,1024:4,>:8]", {2, 9});
  ASSERT_TRUE(now.has_value());
  EXPECT_THAT(now->roundup_power2_divisions,
              testing::ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8, 8, 8, 8, 8));
  const auto before = ParseAllocConf("roundup_power2_divisions:[1024:4,>:8]", {2, 4});
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(before->roundup_power2_divisions[10], 8u);
  EXPECT_EQ(before->roundup_power2_divisions[9], 4u);
}

TEST(TorchVersion, ReadsWheelsAndTags) {
  EXPECT_EQ(ParseTorchVersion("2.9.1+cu128"), (TorchVersion{2, 9}));
  EXPECT_EQ(ParseTorchVersion("v1.13.0a0"), (TorchVersion{1, 13}));
  EXPECT_FALSE(ParseTorchVersion("two").has_value());
  EXPECT_EQ(TieRuleOf({2, 12}), TieRule::kBlockCounter);
  EXPECT_EQ(TieRuleOf({2, 13}), TieRule::kAddress);
}

TEST(Rounding, FollowsTheDivisions) {
  const Rounding plain{DefaultSettings()};
  EXPECT_EQ(plain.Block(1), 512);
  EXPECT_EQ(plain.Block(513), 1024);
  EXPECT_EQ(plain.Block(1200), 1536);
  const Rounding eighths{*ParseAllocConf("roundup_power2_divisions:8")};
  EXPECT_EQ(eighths.Block(1200), 1536);            // below 512 x 8
  EXPECT_EQ(eighths.Block(1024 * 1024), 1 << 20);  // a power of two stays
  EXPECT_EQ(eighths.Block((1 << 20) + 1), (1 << 20) + (1 << 17));
}

}  // namespace
}  // namespace vramcast
