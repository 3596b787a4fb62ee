#include "command/shell.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "command/bash_for_test.h"

namespace vramcast::command {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> Sources(const Script& script, const std::vector<Word>& words) {
  std::vector<std::string> sources;
  for (const Word& word : words) sources.emplace_back(script.Source(word.span));
  return sources;
}

std::vector<std::string> Literals(const std::string& text) {
  std::vector<std::string> literals;
  const Script script = ParseScript(text);
  if (script.commands.empty()) return literals;
  for (const Word& word : script.commands[0].words) literals.push_back(word.literal());
  return literals;
}

TEST(ParseScript, WordsKnowTheirBytes) {
  const Script script = ParseScript("  torchrun --a='b c'  \"d\"e \\\n  -- f # note");
  ASSERT_THAT(script.commands, SizeIs(1));
  EXPECT_THAT(Sources(script, script.commands[0].words),
              ElementsAre("torchrun", "--a='b c'", "\"d\"e", "--", "f"));
}

TEST(ParseScript, RemovesQuotesAsBashDoes) {
  EXPECT_THAT(Literals(R"(a 'b c' "d \" \n" e\ f $'g\th\x41\101' "" i"j"'k')"),
              ElementsAre("a", "b c", "d \" \\n", "e f", "g\thAA", "", "ijk"));
}

TEST(ParseScript, SeparatesCommands) {
  const Script script = ParseScript("a && b || c; d | e & f\n(g; h) 2>&1 >log <in\n");
  std::vector<std::string> names;
  for (const Command& command : script.commands) names.push_back(command.words[0].literal());
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d", "e", "f", "g", "h"));
  for (const Command& command : script.commands) EXPECT_THAT(command.words, SizeIs(1));
}

TEST(ParseScript, LeavesRedirectionsAside) {
  EXPECT_THAT(Literals("python a.py > log.txt 2>&1 b"), ElementsAre("python", "a.py", "b"));
  EXPECT_THAT(Literals("python a.py &> log <<< 'in' c 3>/dev/null"),
              ElementsAre("python", "a.py", "c"));
}

TEST(ParseScript, SkipsHeredocs) {
  const Script script = ParseScript("cat > x <<'EOF'\npython no.py\nEOF\npython yes.py\n");
  ASSERT_THAT(script.commands, SizeIs(2));
  EXPECT_EQ(script.commands[1].words[1].literal(), "yes.py");
  EXPECT_EQ(script.commands[1].line, 4u);
}

TEST(ParseScript, SkipsComments) {
  EXPECT_THAT(ParseScript("# python a.py\n  # b\n").commands, IsEmpty());
  EXPECT_THAT(Literals("a b#c #d"), ElementsAre("a", "b#c"));
}

TEST(ParseScript, ReadsAssignments) {
  const Script script =
      ParseScript("A=1 B='x y' cmd\nexport C=3 D\nE=(1 \"2 3\" # note\n 4)\nF+=x");
  ASSERT_THAT(script.commands, SizeIs(4));
  ASSERT_THAT(script.commands[0].assignments, SizeIs(2));
  EXPECT_EQ(script.commands[0].assignments[1].words[0].literal(), "x y");
  ASSERT_THAT(script.commands[1].assignments, SizeIs(1));
  EXPECT_EQ(script.commands[1].assignments[0].name, "C");
  EXPECT_TRUE(script.commands[2].assignments[0].is_array);
  EXPECT_THAT(script.commands[2].assignments[0].words, SizeIs(3));
  EXPECT_TRUE(script.commands[3].assignments[0].appends);
}

TEST(ParseScript, KnowsWhatRunsOnlySometimes) {
  const Script script = ParseScript(
      "a\nif [ -z \"$X\" ]; then\n  b\nfi\nc\n[ -d d ] || d\ne\nfor i in 1 2; do f; done\n"
      "while g; do h; done\ncase $x in\n  y) i ;;\nesac\nj\n");
  std::vector<std::string> always;
  for (const Command& command : script.commands) {
    if (command.kind == CommandKind::kSimple && command.condition_depth == 0) {
      always.push_back(command.words[0].literal());
    }
  }
  EXPECT_THAT(always, ElementsAre("a", "c", "[", "e", "f", "j"));
}

TEST(ParseScript, ReadsForLoops) {
  const Script script = ParseScript("for d in 12 \"${DEPTHS[@]}\"; do\n  run $d\ndone\n");
  ASSERT_THAT(script.commands, SizeIs(2));
  EXPECT_EQ(script.commands[0].kind, CommandKind::kForLoop);
  EXPECT_EQ(script.commands[0].loop_variable, "d");
  EXPECT_THAT(script.commands[0].words, SizeIs(2));
}

TEST(ParseScript, ReadsExpansions) {
  const Script script =
      ParseScript("x $A ${B} ${C:-d} \"${E[@]}\" ${F%.*} $(g \"$(h)\") $((1 + 2)) `i` $1 $@");
  const std::vector<Word>& words = script.commands[0].words;
  ASSERT_THAT(words, SizeIs(11));
  EXPECT_EQ(words[1].pieces[0].text, "A");
  EXPECT_EQ(words[3].pieces[0].expansion, Expansion::kDefault);
  EXPECT_EQ(words[3].pieces[0].fallback[0].text, "d");
  EXPECT_EQ(words[4].pieces.back().expansion, Expansion::kAllElements);
  EXPECT_EQ(words[5].pieces[0].expansion, Expansion::kOther);
  EXPECT_EQ(words[6].pieces[0].kind, PieceKind::kSubstitution);
  EXPECT_EQ(words[7].pieces[0].kind, PieceKind::kArithmetic);
  EXPECT_EQ(words[7].pieces[0].text, "1 + 2");
  EXPECT_EQ(words[8].pieces[0].kind, PieceKind::kSubstitution);
}

TEST(ParseScript, ReadsBodiesOfFunctions) {
  const Script script =
      ParseScript("train() {\n  python a.py\n}\nfunction eval { python b.py; }\n");
  ASSERT_THAT(script.commands, SizeIs(2));
  EXPECT_EQ(script.commands[1].words[1].literal(), "b.py");
}

TEST(ParseScript, TakesWindowsLineEnds) {
  EXPECT_THAT(Literals("python a.py \\\r\n  --b\r\n"), ElementsAre("python", "a.py", "--b"));
}

TEST(ParseScript, SurvivesWhatIsNotFinished) {
  for (const char* text :
       {"'",     "\"",  "$(",    "${",   "${a:-", "`",  "\\",   "a=(", "<<", "<<EOF",
        "$'\\x", "for", "for (", "case", "[[",    "((", "\"\\", "a[",  "&>", "2>"}) {
    EXPECT_EQ(ParseScript(text).text, text);
  }
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "${a:-\"$(";
  EXPECT_EQ(ParseScript(deep).text.size(), deep.size());
}

rc::Gen<std::string> ShellText() {
  return rc::gen::container<std::string>(
      rc::gen::elementOf(std::string(" \t\n\n'\"\\$$`!*{}()<>|&;#=-abA1[]:@")));
}

RC_GTEST_PROP(ParseProperty, WordsFollowEachOtherInsideTheText, ()) {
  const std::string text = *ShellText();
  const Script script = ParseScript(text);
  RC_ASSERT(script.text == text);
  for (const Command& command : script.commands) {
    size_t at = command.span.begin;
    RC_ASSERT(command.span.end <= text.size());
    RC_ASSERT(command.line == LineOf(text, command.span.begin));
    if (command.kind == CommandKind::kForLoop) continue;
    for (const Word& word : command.words) {
      RC_ASSERT(word.span.begin >= at);
      RC_ASSERT(word.span.end > word.span.begin);
      RC_ASSERT(word.span.end <= command.span.end);
      at = word.span.end;
    }
  }
}

// Closed pieces of every way to quote, put together at random.
rc::Gen<std::string> QuotedWord() {
  const auto plain = rc::gen::elementOf(std::vector<std::string>{
      "a",    "-x",      "=",        "\\ ",      "\\$",     "\\\\",    "\\'",    "'b c'",
      "'\"'", "\"d e\"", "\"\\$f\"", "\"\\\"\"", "\"\\g\"", "\"'\"",   "$'\\n'", "$'\\x41\\''",
      "''",   "\"\"",    "%",        "h#",       "\\\n",    "\"\\\\\""});
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(plain), [](const auto& parts) {
    std::string word = "w";
    for (const std::string& part : parts) word += part;
    return word;
  });
}

RC_GTEST_PROP(ParseProperty, BashAgreesOnWhatQuotesMean, ()) {
  if (!std::filesystem::exists("/bin/bash")) RC_DISCARD("no bash");
  const auto words = *rc::gen::container<std::vector<std::string>>(20, QuotedWord());
  std::string line;
  for (const std::string& word : words) line += " " + word;
  std::vector<std::string> ours = Literals("x" + line);
  ours.erase(ours.begin());
  RC_ASSERT(ours == BashArguments(line));
}

}  // namespace
}  // namespace vramcast::command
