#include "command/quote.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "command/bash_for_test.h"
#include "command/shell.h"

namespace vramcast::command {
namespace {

TEST(Quote, LeavesPlainWordsAlone) {
  EXPECT_EQ(Quote("--depth=20"), "--depth=20");
  EXPECT_EQ(Quote("scripts/base_train.py"), "scripts/base_train.py");
}

TEST(Quote, ProtectsWhatAShellWouldChange) {
  EXPECT_EQ(Quote(""), "''");
  EXPECT_EQ(Quote("a b"), "'a b'");
  EXPECT_EQ(Quote("$HOME"), "'$HOME'");
  EXPECT_EQ(Quote("it's"), "'it'\\''s'");
  EXPECT_EQ(Quote("~/x"), "'~/x'");
  EXPECT_EQ(Quote("two\nlines"), "$'two\\nlines'");
  EXPECT_EQ(Quote("=x"), "'=x'");
}

TEST(QuoteCommand, KeepsLeadingAssignments) {
  const std::vector<std::string> argv = {"CUDA_VISIBLE_DEVICES=0,1", "NOTE=a b", "python", "X=a b"};
  EXPECT_EQ(QuoteCommand(argv), "CUDA_VISIBLE_DEVICES=0,1 NOTE='a b' python 'X=a b'");
}

// Bytes without NUL, which no argument can hold, rich in what shells treat specially.
rc::Gen<std::string> Words() {
  const std::string special = " \t\n'\"\\$`!*?[]{}()<>|&;#~=%^,.-_azAZ019\x01\x7f\xc3\xa9";
  return rc::gen::container<std::string>(rc::gen::elementOf(special));
}

RC_GTEST_PROP(QuoteProperty, BashReadsBackWhatWasQuoted, ()) {
  if (!std::filesystem::exists("/bin/bash")) RC_DISCARD("no bash");
  const auto words = *rc::gen::container<std::vector<std::string>>(20, Words());
  std::string line;
  for (const std::string& word : words) line += Quote(word) + " ";
  RC_ASSERT(BashArguments(line) == words);
}

RC_GTEST_PROP(QuoteProperty, OurOwnLexerReadsBackWhatWasQuoted, ()) {
  const auto words = *rc::gen::container<std::vector<std::string>>(Words());
  std::string line = "x";
  for (const std::string& word : words) line += " " + Quote(word);
  const Script script = ParseScript(line);
  RC_ASSERT(script.commands.size() == 1u);
  RC_ASSERT(script.commands[0].words.size() == words.size() + 1);
  for (size_t i = 0; i < words.size(); ++i) {
    RC_ASSERT(script.commands[0].words[i + 1].literal() == words[i]);
  }
}

}  // namespace
}  // namespace vramcast::command
