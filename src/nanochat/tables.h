// The tables about upstream's history that are carried inside the program: every commit, the files
// that decide memory in each state, and the flags of each script. data/collect.py writes them and
// tells their columns; lines have equal length, so that a row is found without parsing.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace vramcast::nanochat {

// What a commit is to master.
enum class CommitKind : char {
  kMaster = 'f',       // on its first-parent line
  kMerged = 'm',       // merged, and in the files that matter equal to one of the first-parent line
  kMergedOther = 'n',  // merged, but equal to none
  kBeside = 'b',       // on another branch
};

struct CommitRow {
  std::string_view hash;  // 40 hex digits
  int64_t time = 0;       // seconds since 1970, UTC
  int family = 0;
  CommitKind kind = CommitKind::kMaster;
  int link = 0;  // row of the tree; for kBeside, of the nearest ancestor among the commits
};

int CommitCount();
CommitRow CommitAt(int row);  // sorted by hash
// Rows [first, second) whose hash begins with `prefix` (lower-case hex digits).
std::pair<int, int> CommitsWithPrefix(std::string_view prefix);

// The files that decide memory or hold flags, "nanochat/gpt.py" and so on, in the order of the
// columns of a tree.
const std::vector<std::string_view>& TrackedFiles();

int TreeCount();
// The number of the blob of each tracked file in one state of upstream; -1: no such file.
int BlobOf(int tree, int file);

int BlobCount();
std::string_view BlobHash(int blob);  // git's SHA-1, 40 hex digits
int FlagTableOf(int blob);            // -1: none

// The lines of a flag table: name, type, default and one-letter spelling, separated by tabs; lines
// that begin with "=" hold another fact of the script. Empty if there is no such table.
std::string_view FlagTable(int table);

// What upstream's launch scripts run, a line each: name of the launch script, time from which it
// holds, number of processes (0: plain python), script, flags separated by spaces; "-" where the
// launch script runs nothing or is gone.
std::string_view LaunchTable();

}  // namespace vramcast::nanochat
