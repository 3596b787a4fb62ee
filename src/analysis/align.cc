#include "analysis/align.h"

#include <algorithm>

namespace vramcast {

std::optional<std::vector<std::pair<uint32_t, uint32_t>>> Align(
    uint32_t n, uint32_t m, const std::function<bool(uint32_t, uint32_t)>& same,
    uint32_t most_edits) {
  const auto rows = static_cast<int64_t>(n);
  const auto columns = static_cast<int64_t>(m);
  const int64_t most = std::min<int64_t>(most_edits, rows + columns);
  // reach[d][k + d]: how far diagonal k = i - j gets with d edits.
  std::vector<std::vector<int64_t>> reach;
  const auto follow = [&](int64_t i, int64_t j) {
    while (i < rows && j < columns && same(static_cast<uint32_t>(i), static_cast<uint32_t>(j))) {
      ++i;
      ++j;
    }
    return i;
  };
  // The item skipped to come onto diagonal k: of the first sequence (from k - 1) or of the second.
  const auto from_first = [](const std::vector<int64_t>& before, int64_t d, int64_t k) {
    const auto at = [&](int64_t diagonal) { return before[static_cast<size_t>(diagonal + d - 1)]; };
    if (k == -d) return false;
    return k == d || at(k - 1) >= at(k + 1);
  };
  int64_t edits = -1;
  for (int64_t d = 0; d <= most && edits < 0; ++d) {
    std::vector<int64_t> here(static_cast<size_t>(2 * d + 1), -1);
    for (int64_t k = -d; k <= d; k += 2) {
      int64_t i = 0;
      if (d > 0) {
        const std::vector<int64_t>& before = reach.back();
        const bool first = from_first(before, d, k);
        i = before[static_cast<size_t>(first ? k + d - 2 : k + d)];
        if (i < 0) continue;  // nothing led there
        if (first) ++i;
      }
      if (i > rows || i - k > columns) continue;
      i = follow(i, i - k);
      here[static_cast<size_t>(k + d)] = i;
      if (i == rows && i - k == columns) edits = d;
    }
    reach.push_back(std::move(here));
  }
  if (edits < 0) return std::nullopt;

  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  int64_t i = rows, j = columns;
  for (int64_t d = edits; d >= 0; --d) {
    const int64_t k = i - j;
    int64_t start = 0;
    bool first = false;
    if (d > 0) {
      const std::vector<int64_t>& before = reach[static_cast<size_t>(d - 1)];
      first = from_first(before, d, k);
      start =
          first ? before[static_cast<size_t>(k + d - 2)] + 1 : before[static_cast<size_t>(k + d)];
    }
    for (; i > start; --i, --j) {
      pairs.emplace_back(static_cast<uint32_t>(i - 1), static_cast<uint32_t>(j - 1));
    }
    if (d == 0) break;
    first ? --i : --j;
  }
  std::reverse(pairs.begin(), pairs.end());
  return pairs;
}

}  // namespace vramcast
