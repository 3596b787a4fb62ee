#include "nanochat/tables.h"

#include <charconv>

#include "base/text.h"

namespace vramcast::nanochat {

extern const std::string_view k_commits_table, k_trees_table, k_blobs_table, k_flags_table,
    k_launches_table;

namespace {

constexpr size_t kHash = 40;
constexpr size_t kCommitLine = 62;  // hash, 10 digits, 2 digits, kind, 4 digits, four tabs, newline
constexpr size_t kBlobLine = 45;    // hash, tab, 3 digits, newline
constexpr size_t kBlobNumber = 4;   // 3 digits and a space or newline

int Number(std::string_view digits) {
  int value = -1;  // stays for "---"
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string_view Trees() { return k_trees_table.substr(k_trees_table.find('\n') + 1); }

}  // namespace

int CommitCount() { return static_cast<int>(k_commits_table.size() / kCommitLine); }

CommitRow CommitAt(int row) {
  const std::string_view line =
      k_commits_table.substr(static_cast<size_t>(row) * kCommitLine, kCommitLine);
  CommitRow commit;
  commit.hash = line.substr(0, kHash);
  commit.time = ParseInt(line.substr(41, 10)).value_or(0);
  commit.family = Number(line.substr(52, 2));
  commit.kind = static_cast<CommitKind>(line[55]);
  commit.link = Number(line.substr(57, 4));
  return commit;
}

std::pair<int, int> CommitsWithPrefix(std::string_view prefix) {
  const auto begins = [&](int row) {
    return k_commits_table.substr(static_cast<size_t>(row) * kCommitLine, prefix.size());
  };
  int low = 0, high = CommitCount();
  while (low < high) {
    const int middle = (low + high) / 2;
    if (begins(middle) < prefix) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  int end = low;
  while (end < CommitCount() && begins(end) == prefix) ++end;
  return {low, end};
}

const std::vector<std::string_view>& TrackedFiles() {
  static const std::vector<std::string_view> files =
      Split(k_trees_table.substr(0, k_trees_table.find('\n')), ' ');
  return files;
}

int TreeCount() { return static_cast<int>(Trees().size() / (TrackedFiles().size() * kBlobNumber)); }

int BlobOf(int tree, int file) {
  const size_t cell = static_cast<size_t>(tree) * TrackedFiles().size() + static_cast<size_t>(file);
  return Number(Trees().substr(cell * kBlobNumber, 3));
}

int BlobCount() { return static_cast<int>(k_blobs_table.size() / kBlobLine); }

std::string_view BlobHash(int blob) {
  return k_blobs_table.substr(static_cast<size_t>(blob) * kBlobLine, kHash);
}

int FlagTableOf(int blob) {
  return Number(k_blobs_table.substr(static_cast<size_t>(blob) * kBlobLine + kHash + 1, 3));
}

std::string_view FlagTable(int table) {
  if (table < 0) return {};
  const std::string digits = std::to_string(table);
  const std::string heading = "#" + std::string(3 - digits.size(), '0') + digits + "\n";
  const size_t start = k_flags_table.find(heading);
  if (start == std::string_view::npos) return {};
  const size_t begin = start + heading.size();
  size_t end = k_flags_table.find("\n#", begin);
  if (end == std::string_view::npos) end = k_flags_table.size();
  return Trim(k_flags_table.substr(begin, end - begin));
}

std::string_view LaunchTable() { return Trim(k_launches_table); }

}  // namespace vramcast::nanochat
