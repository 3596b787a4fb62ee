#include "nanochat/python_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vramcast::nanochat {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Codes(std::string_view source) {
  std::vector<std::string> codes;
  const auto statements = ReadPython(source);
  if (!statements) return {"error: " + statements.error().message};
  for (const PythonStatement& statement : *statements) codes.emplace_back(statement.code);
  return codes;
}

TEST(PythonSource, AStatementEndsWhereItsBracketsDo) {
  EXPECT_THAT(Codes("a = f(1,  # one\n      [2,\n\n  3])  # done\nb = 2\n"),
              ElementsAre("a = f(1,  # one\n      [2,\n\n  3])", "b = 2"));
  EXPECT_THAT(Codes("a = 1 + \\\n  2\nb"), ElementsAre("a = 1 + \\\n  2", "b"));
}

TEST(PythonSource, StringsHideWhatLooksLikeCode) {
  EXPECT_THAT(Codes("s = '#('  # real\nt = r\"\\\"[\"\n"),
              ElementsAre("s = '#('", "t = r\"\\\"[\""));
  EXPECT_THAT(Codes("\"\"\"\nx = block(x)\n'''\"\"\"\ny = 1\n"),
              ElementsAre("\"\"\"\nx = block(x)\n'''\"\"\"", "y = 1"));
}

TEST(PythonSource, ItKnowsWhereAStatementStands) {
  const auto statements = ReadPython(
      "import torch\n"
      "class GPT(Base):\n"
      "    def forward(self,\n"
      "                x):\n"
      "        # a comment at any place\n"
      "  # does not matter\n"
      "        for block in self.h:\n"
      "            x = 1\n"
      "        return x\n"
      "def other():\n"
      "\treturn 2\n");
  ASSERT_TRUE(statements) << statements.error().message;
  ASSERT_EQ(statements->size(), 8u);
  const PythonStatement& inner = (*statements)[4];
  EXPECT_EQ(inner.code, "x = 1");
  EXPECT_EQ(inner.scope, "GPT.forward");
  EXPECT_EQ(inner.block, "for block in self.h:");
  EXPECT_EQ(inner.indent, "            ");
  EXPECT_EQ(inner.line, 8u);
  EXPECT_EQ((*statements)[5].scope, "GPT.forward");
  EXPECT_EQ((*statements)[6].scope, "");
  EXPECT_EQ((*statements)[7].scope, "other");
  EXPECT_EQ((*statements)[7].indent, "\t");
}

TEST(PythonSource, WhatIsNeverClosedIsAnError) {
  EXPECT_THAT(Codes("a = (1,\nb = 2\n"), ElementsAre("error: a bracket of line 1 is never closed"));
  EXPECT_THAT(Codes("\n'''text\n"), ElementsAre("error: the string of line 2 is never closed"));
  EXPECT_THAT(Codes("a = 'text\n"), ElementsAre("error: the string of line 1 is never closed"));
  EXPECT_THAT(Codes(std::string(1000, '(')), ElementsAre("error: brackets are nested too deeply"));
}

TEST(PythonSource, NothingAndWindowsLineEndsAreFine) {
  EXPECT_THAT(Codes(""), ElementsAre());
  EXPECT_THAT(Codes("\\"), ElementsAre());
  EXPECT_THAT(Codes("a = 1\r\nb = (2,\r\n 3)\r\n"), ElementsAre("a = 1", "b = (2,\r\n 3)"));
}

}  // namespace
}  // namespace vramcast::nanochat
