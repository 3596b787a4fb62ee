#include "crashlog/anchors.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace vramcast::crashlog {
namespace {

TEST(FindAnchor, FindsWordsInEitherCase) {
  EXPECT_EQ(FindAnchor("out of MEMORY", 0, 13), 7U);
  EXPECT_EQ(FindAnchor("Signal 9 (SIGKILL)", 1, 18), 10U);
  EXPECT_EQ(FindAnchor("step 12 | loss 2.5 | 14 ms", 0, 26), 26U);
  EXPECT_EQ(FindAnchor("", 0, 0), 0U);
}

TEST(FindAnchor, AnAnchorMayEndBehindTheLimit) {
  EXPECT_EQ(FindAnchor("xxmemory", 0, 3), 2U);
  EXPECT_EQ(FindAnchor("xxmemor", 0, 7), 7U);
}

RC_GTEST_PROP(FindAnchor, FindsOneWhereverItStands, ()) {
  const auto before = *rc::gen::inRange<size_t>(0, 200);
  const auto after = *rc::gen::inRange<size_t>(0, 100);
  const std::string text = std::string(before, 'z') + "cublas" + std::string(after, '\xff');
  RC_ASSERT(FindAnchor(text, 0, text.size()) == before);
}

RC_GTEST_PROP(CountLines, CountsLineFeeds, (const std::string& text)) {
  size_t expected = 0;
  for (const char c : text) {
    expected += c == '\n' ? 1 : 0;
  }
  RC_ASSERT(CountLines(text) == expected);
}

}  // namespace
}  // namespace vramcast::crashlog
