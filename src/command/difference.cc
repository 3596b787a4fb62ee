#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "command/edit.h"

namespace vramcast::command {
namespace {

std::vector<std::string_view> Lines(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return Split(text, '\n');
}

// A stretch of lines that differ: [a, a_end) of the old text became [b, b_end) of the new.
struct Hunk {
  size_t a, a_end, b, b_end;
};

// Edits of launches keep almost every line, so lines are matched greedily: the nearest pair of
// equal lines after a difference ends it.
std::vector<Hunk> FindHunks(const std::vector<std::string_view>& a,
                            const std::vector<std::string_view>& b) {
  std::vector<Hunk> hunks;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      ++i, ++j;
      continue;
    }
    Hunk hunk{i, a.size(), j, b.size()};
    const size_t reach = (a.size() - i) + (b.size() - j);
    for (size_t sum = 1; sum <= reach && hunk.a_end == a.size() && hunk.b_end == b.size(); ++sum) {
      for (size_t di = 0; di <= sum; ++di) {
        const size_t x = i + di, y = j + (sum - di);
        if (x < a.size() && y < b.size() && a[x] == b[y]) {
          hunk.a_end = x, hunk.b_end = y;
          break;
        }
      }
    }
    hunks.push_back(hunk);
    i = hunk.a_end, j = hunk.b_end;
  }
  return hunks;
}

void Append(std::string& out, char mark, std::string_view line) {
  out += mark;
  out += line;
  out += '\n';
}

std::string Range(size_t begin, size_t count) {
  return std::to_string(count == 0 ? begin : begin + 1) + "," + std::to_string(count);
}

}  // namespace

std::string Difference(std::string_view before, std::string_view after,
                       std::string_view before_name, std::string_view after_name, int context) {
  if (before == after) return "";
  const std::vector<std::string_view> a = Lines(before), b = Lines(after);
  const std::vector<Hunk> hunks = FindHunks(a, b);
  std::string out = "--- " + std::string(before_name) + "\n+++ " + std::string(after_name) + "\n";
  const auto around = static_cast<size_t>(context);
  for (size_t first = 0; first < hunks.size();) {
    size_t last = first;
    while (last + 1 < hunks.size() && hunks[last + 1].a - hunks[last].a_end <= 2 * around) ++last;
    const size_t lead = std::min(around, hunks[first].a);
    const size_t trail = std::min(around, a.size() - hunks[last].a_end);
    const size_t a_begin = hunks[first].a - lead, b_begin = hunks[first].b - lead;
    out += "@@ -" + Range(a_begin, hunks[last].a_end + trail - a_begin) + " +" +
           Range(b_begin, hunks[last].b_end + trail - b_begin) + " @@\n";
    size_t at = a_begin;
    for (size_t h = first; h <= last; ++h) {
      for (; at < hunks[h].a; ++at) Append(out, ' ', a[at]);
      for (; at < hunks[h].a_end; ++at) Append(out, '-', a[at]);
      for (size_t j = hunks[h].b; j < hunks[h].b_end; ++j) Append(out, '+', b[j]);
    }
    for (size_t i = 0; i < trail; ++i) Append(out, ' ', a[at + i]);
    first = last + 1;
  }
  return out;
}

}  // namespace vramcast::command
