#include "command/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command/arithmetic.h"

namespace vramcast::command {
namespace {

using ::testing::ElementsAre;

// The arguments of the last command of a script.
std::vector<Argument> LastArguments(const Script& script) {
  Variables variables;
  for (const Command& command : script.commands) variables.Observe(script.text, command);
  std::vector<Argument> arguments;
  for (const Word& word : script.commands.back().words) {
    for (Argument& argument : variables.Expand(word)) arguments.push_back(std::move(argument));
  }
  return arguments;
}

std::vector<std::string> Texts(const std::string& text) {
  std::vector<std::string> texts;
  for (const Argument& argument : LastArguments(ParseScript(text))) {
    texts.push_back(argument.value.text.value_or("?"));
  }
  return texts;
}

TEST(Variables, AreResolvedFromEarlierAssignments) {
  EXPECT_THAT(Texts("N=8\nx --n=$N \"${N}0\" '$N'"), ElementsAre("x", "--n=8", "80", "$N"));
  EXPECT_THAT(Texts("A=1; B=$A$A\nexport C=\"$B!\"\nx $C"), ElementsAre("x", "11!"));
}

TEST(Variables, SayWhyTheyAreUnknown) {
  const auto arguments = LastArguments(ParseScript("D=$(date)\nx $A $1 $D"));
  EXPECT_EQ(arguments[1].value.why_unknown, "$A is not set in this text");
  EXPECT_EQ(arguments[2].value.why_unknown, "$1 is an argument of the script");
  EXPECT_EQ(arguments[3].value.why_unknown, "the output of $(date) is not known before it runs");
}

TEST(Variables, TakeTheFallbackUnlessTheEnvironmentSaysOtherwise) {
  const auto arguments = LastArguments(ParseScript("N=\"${N:-8}\"\nx $N ${M-4} ${O:-${P:-2}}"));
  EXPECT_EQ(arguments[1].value.text, "8");
  EXPECT_EQ(arguments[1].value.unless_set, "N");
  EXPECT_EQ(arguments[2].value.text, "4");
  EXPECT_EQ(arguments[3].value.text, "2");
}

TEST(Variables, SetOnlyWhenMissingCountAsFallbacks) {
  const auto arguments =
      LastArguments(ParseScript("if [ -z \"$RUN\" ]; then\n  RUN=dummy\nfi\nx --run=$RUN"));
  EXPECT_EQ(arguments[1].value.text, "--run=dummy");
  EXPECT_EQ(arguments[1].value.unless_set, "RUN");
}

TEST(Variables, OfBranchesHaveSeveralValues) {
  const auto arguments = LastArguments(
      ParseScript("if [ $d -ge 28 ]; then\n  A=8\nelif [ $d -ge 20 ]; then\n  A=16\nelse\n  A=32\n"
                  "fi\nx --b=$A"));
  EXPECT_FALSE(arguments[1].value.text.has_value());
  EXPECT_THAT(arguments[1].value.candidates, ElementsAre("--b=8", "--b=16", "--b=32"));
}

TEST(Variables, OfLoopsHaveSeveralValues) {
  const auto arguments =
      LastArguments(ParseScript("DEPTHS=(12 16)\nfor d in \"${DEPTHS[@]}\" 20; do\n x --depth=$d"));
  EXPECT_THAT(arguments[1].value.candidates, ElementsAre("--depth=12", "--depth=16", "--depth=20"));
}

TEST(Variables, ThatHoldSeveralWordsAreTakenApart) {
  const std::string text = "ARGS=\"--depth=20 --device-batch-size 4\"\nx $ARGS \"$ARGS\"";
  const Script script = ParseScript(text);
  const auto arguments = LastArguments(script);
  ASSERT_EQ(arguments.size(), 5u);
  EXPECT_EQ(arguments[3].value.text, "4");
  EXPECT_EQ(script.Source(arguments[3].word.span), "4");
  EXPECT_EQ(arguments[3].through, "ARGS");
  EXPECT_EQ(arguments[4].value.text, "--depth=20 --device-batch-size 4");
}

TEST(Variables, OfArraysAreTakenApart) {
  EXPECT_THAT(Texts("A=(--a \"b c\")\nA+=(--d)\nx \"${A[@]}\""),
              ElementsAre("x", "--a", "b c", "--d"));
}

TEST(Variables, ThatAreEmptyLeaveNoArgument) {
  EXPECT_THAT(Texts("A=\nx $A \"$A\" b"), ElementsAre("x", "", "b"));
}

TEST(Variables, OfOneCommandsEnvironmentAreNotTheScripts) {
  EXPECT_THAT(Texts("A=1 cmd\nx $A"), ElementsAre("x", "?"));
}

TEST(Arithmetic, FollowsTheUsualOrder) {
  const Lookup lookup = [](std::string_view name) -> std::optional<int64_t> {
    if (name == "N") return 8;
    return std::nullopt;
  };
  EXPECT_EQ(EvaluateArithmetic("100 * 524288", lookup), 52428800);
  EXPECT_EQ(EvaluateArithmetic("(1 + 2) * $N - ${N} / 3", lookup), 22);
  EXPECT_EQ(EvaluateArithmetic("2 ** 3 ** 2", lookup), 512);
  EXPECT_EQ(EvaluateArithmetic("-N % 3", lookup), -2);
}

TEST(Arithmetic, IsUnknownWhereBashWouldFailOrOverflow) {
  const Lookup none = [](std::string_view) { return std::nullopt; };
  for (const char* text : {"", "1 +", "1 / 0", "x", "9223372036854775807 + 1", "(1", "1 2",
                           "2 ** -1", "010", "a[0]", "1 << 2"}) {
    EXPECT_EQ(EvaluateArithmetic(text, none), std::nullopt) << text;
  }
  EXPECT_EQ(EvaluateArithmetic(std::string(100000, '('), none), std::nullopt);
  EXPECT_EQ(EvaluateArithmetic(std::string(100000, '-') + "1", none), std::nullopt);
}

TEST(Variables, ThatDoubleThemselvesStayWithinBounds) {
  std::string text = "A=ab\nB=(a b)\n";
  for (int i = 0; i < 100; ++i) text += "A=$A$A\nB=(\"${B[@]}\" \"${B[@]}\")\nB+=(\"${B[@]}\")\n";
  EXPECT_LT(LastArguments(ParseScript(text + "x $A \"${B[@]}\"")).size(), 10000u);
}

TEST(Variables, CalculateWithKnownNumbers) {
  EXPECT_THAT(Texts("T=$((100 * 524288))  # tokens\nx --eval-tokens=$T"),
              ElementsAre("x", "--eval-tokens=52428800"));
}

}  // namespace
}  // namespace vramcast::command
