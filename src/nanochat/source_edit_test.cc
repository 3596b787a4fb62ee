#include "nanochat/source_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace vramcast::nanochat {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kFile = "nanochat/gpt.py";
constexpr std::string_view kSource =
    "import torch\n"
    "\n"
    "class Net:\n"
    "    def forward(self, x):\n"
    "        for layer in self.layers:\n"
    "            x = layer(x, 1)  # keep me\n"
    "        if self.deep:\n"
    "            y = layer(x, 1)\n"
    "        return x\n"
    "\n"
    "    def other(self, x):\n"
    "        x = layer(x, 1)\n";

Result<std::string> Apply(std::vector<SourceEdit> edits, std::string_view source = kSource) {
  return ApplyEdits(source, edits);
}

std::string Expected(std::string text, std::string_view before, std::string_view after) {
  const size_t at = text.find(before);
  return text.replace(at, before.size(), after);
}

TEST(SourceEdit, ReplacesTheOneStatementAndKeepsItsComment) {
  const auto text = Apply({{kFile, "Net.forward", "for .*", R"(x = layer\(x, (.+)\))",
                            EditPlace::kReplace, "if small:\n    x = again(layer, x, \\1)"}});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, Expected(std::string(kSource), "            x = layer(x, 1)  # keep me\n",
                            "            if small:\n"
                            "                x = again(layer, x, 1)  # keep me\n"));
}

TEST(SourceEdit, PutsLinesBeforeAndAfterAndMovesInwards) {
  const auto text = Apply({
      {kFile, "Net.forward", "for .*", "x = .+", EditPlace::kBefore, "def f(x):"},
      {kFile, "Net.forward", "for .*", "x = .+", EditPlace::kIndent},
      {kFile, "Net.forward", "for .*", "x = .+", EditPlace::kAfter, "    return x\n\nx = f(x)"},
  });
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, HasSubstr("            def f(x):\n"
                               "                x = layer(x, 1)  # keep me\n"
                               "                return x\n"
                               "\n"
                               "            x = f(x)\n"
                               "        if self.deep:\n"));
}

TEST(SourceEdit, RefusesAStatementThatIsNotThereExactlyAsOften) {
  const auto twice = Apply({{kFile, "Net.forward", "", R"(\w = layer\(x, 1\))"}});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(twice.error().message, HasSubstr("nanochat/gpt.py has 2 statements"));
  EXPECT_TRUE(
      Apply({{kFile, "Net.forward", "", R"(\w = layer\(x, 1\))", EditPlace::kReplace, "pass", 2}}));
  EXPECT_FALSE(Apply({{kFile, "Net.forward", "", R"(x = layer\(x, 2\))"}}));
  EXPECT_FALSE(Apply({{kFile, "Net.backward", "", R"(x = layer\(x, 1\))"}}));
  // Half of a statement is not that statement.
  EXPECT_FALSE(Apply({{kFile, "Net.forward", "", R"(x = layer)"}}));
}

TEST(SourceEdit, ACommentOrStringIsNoStatement) {
  EXPECT_FALSE(Apply({{kFile, "", "", "x = 1"}}, "# x = 1\n'''\nx = 1\n'''\n"));
}

TEST(SourceEdit, KeepsLineEndsAndALastLineWithoutOne) {
  EXPECT_EQ(*Apply({{kFile, "", "", "a", EditPlace::kAfter, "b"}}, "a\r\nc\r\n"),
            "a\r\nb\r\nc\r\n");
  EXPECT_EQ(*Apply({{kFile, "", "", "a", EditPlace::kReplace, "b\nc"}}, "a"), "b\nc");
  EXPECT_EQ(*Apply({{kFile, "", "", "a", EditPlace::kAfter, "b"}}, "a"), "a\nb\n");
}

TEST(SourceEdit, AStatementOverSeveralLinesIsOne) {
  EXPECT_EQ(*Apply({{kFile, "", "", R"((\w+) = f\((.+async=True\s*)\)\.get\(\))",
                     EditPlace::kReplace, "\\1 = f(\\2)"}},
                   "w = f(\n    a, async=True\n).get()  # now\n"),
            "w = f(\n    a, async=True\n)  # now\n");
}

TEST(SourceEdit, ABrokenFileIsLeftAlone) {
  const auto text = Apply({{kFile, "", "", "a", EditPlace::kAfter, "b"}}, "a = (\n");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kUnreadable);
}

}  // namespace
}  // namespace vramcast::nanochat
