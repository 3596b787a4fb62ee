#include "base/text.h"

#include <gtest/gtest.h>

namespace vramcast {
namespace {

TEST(Text, NumbersMustBeWhole) {
  EXPECT_EQ(ParseInt("-12"), -12);
  EXPECT_EQ(ParseInt("12x"), std::nullopt);
  EXPECT_EQ(ParseInt("99999999999999999999"), std::nullopt);
  EXPECT_EQ(ParseDouble("0.5"), 0.5);
  EXPECT_EQ(ParseDouble(""), std::nullopt);
}

TEST(Text, ThousandsAreSeparated) {
  EXPECT_EQ(WithThousands(524288), "524,288");
  EXPECT_EQ(WithThousands(-1000), "-1,000");
  EXPECT_EQ(WithThousands(12), "12");
}

TEST(Text, NearestFindsATypoAndNotAStranger) {
  const std::vector<std::string> verbs = {"forecast", "fit", "fix", "diagnose"};
  EXPECT_EQ(Nearest("forcast", verbs), "forecast");
  EXPECT_EQ(Nearest("diagnoze", verbs), "diagnose");
  EXPECT_EQ(Nearest("photosynthesis", verbs), std::nullopt);
}

TEST(Text, ARemarkBecomesASentence) {
  EXPECT_EQ(AsSentence("the card is full"), "The card is full.");
  EXPECT_EQ(AsSentence("Done."), "Done.");
  EXPECT_EQ(AsSentence("this fits:"), "This fits:");
  EXPECT_EQ(AsSentence("--depth is 20"), "--depth is 20.");
  EXPECT_EQ(AsSentence(""), "");
}

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(Split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(Split("", ','), (std::vector<std::string_view>{""}));
}

}  // namespace
}  // namespace vramcast
