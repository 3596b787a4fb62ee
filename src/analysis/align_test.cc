#include "analysis/align.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

namespace vramcast {
namespace {

using Pairs = std::vector<std::pair<uint32_t, uint32_t>>;

std::optional<Pairs> AlignText(const std::string& a, const std::string& b, uint32_t most = 100) {
  return Align(
      static_cast<uint32_t>(a.size()), static_cast<uint32_t>(b.size()),
      [&](uint32_t i, uint32_t j) { return a[i] == b[j]; }, most);
}

TEST(Align, LeavesOutWhatOnlyOneSideHas) {
  EXPECT_EQ(AlignText("abxcd", "abcyd"), (Pairs{{0, 0}, {1, 1}, {3, 2}, {4, 4}}));
  EXPECT_EQ(AlignText("", ""), Pairs{});
  EXPECT_EQ(AlignText("abc", ""), Pairs{});
  EXPECT_EQ(AlignText("", "abc"), Pairs{});
}

TEST(Align, GivesUpBeyondTheEditsAllowed) {
  EXPECT_EQ(AlignText("aaaa", "bbbb", 7), std::nullopt);
  EXPECT_EQ(AlignText("aaaa", "bbbb", 8), Pairs{});
}

// As many pairs as the longest common subsequence has.
RC_GTEST_PROP(Align, FindsAsManyPairsAsThereCanBe, ()) {
  const auto letters = rc::gen::container<std::string>(rc::gen::elementOf(std::string("abc")));
  const std::string a = *letters;
  const std::string b = *letters;
  std::vector<std::vector<size_t>> best(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      best[i][j] = std::max(
          {best[i - 1][j], best[i][j - 1], best[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 1 : 0)});
    }
  }
  const auto pairs = AlignText(a, b, 1000);
  RC_ASSERT(pairs.has_value());
  RC_ASSERT(pairs->size() == best[a.size()][b.size()]);
  for (size_t p = 0; p < pairs->size(); ++p) {
    RC_ASSERT(a[(*pairs)[p].first] == b[(*pairs)[p].second]);
    if (p == 0) continue;
    RC_ASSERT((*pairs)[p].first > (*pairs)[p - 1].first);
    RC_ASSERT((*pairs)[p].second > (*pairs)[p - 1].second);
  }
}

}  // namespace
}  // namespace vramcast
