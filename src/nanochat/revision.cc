#include "nanochat/revision.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <span>
#include <vector>

#include "base/text.h"
#include "nanochat/tables.h"

namespace vramcast::nanochat {
namespace {

constexpr int64_t kDay = 24 * 60 * 60;

// The commits that the short names stand for: each the last of a time whose code many people ran.
struct Alias {
  std::string_view name, commit;
};
constexpr Alias kAliases[] = {
    {"oct2025", "4346536"},
    {"jan2026", "50413d2"},
    {"mar2026", "83dccc2"},
};

Revision MakeRevision(int row) {
  const CommitRow commit = CommitAt(row);
  Revision revision;
  revision.commit = std::string(commit.hash);
  revision.time = commit.time;
  revision.family = &Families()[static_cast<size_t>(commit.family)];
  revision.tree = commit.link;
  if (commit.kind == CommitKind::kBeside) {
    const CommitRow base = CommitAt(commit.link);
    revision.tree = base.link;
    revision.certainty = Certainty::kModified;
    revision.note = revision.ShortCommit() +
                    " is on a branch beside master; taken as its ancestor " +
                    std::string(base.hash.substr(0, 7));
  } else if (commit.kind == CommitKind::kMergedOther) {
    revision.certainty = Certainty::kModified;
    revision.note = revision.ShortCommit() + " is an intermediate commit of a merged branch";
  }
  return revision;
}

int NewestOnMaster(int64_t until) {
  int best = -1, first = -1;
  int64_t best_time = 0, first_time = 0;
  for (int row = 0; row < CommitCount(); ++row) {
    const CommitRow commit = CommitAt(row);
    if (commit.kind != CommitKind::kMaster) continue;
    if (commit.time <= until && (best < 0 || commit.time > best_time)) {
      best = row;
      best_time = commit.time;
    }
    if (first < 0 || commit.time < first_time) {
      first = row;
      first_time = commit.time;
    }
  }
  return best >= 0 ? best : first;
}

// Midnight UTC at the beginning of a day written as 2026-01-15.
std::optional<int64_t> ParseDate(std::string_view text) {
  const std::vector<std::string_view> parts = Split(text, '-');
  if (parts.size() != 3 || parts[0].size() != 4) return std::nullopt;
  const auto year = ParseInt(parts[0]), month = ParseInt(parts[1]), day = ParseInt(parts[2]);
  if (!year || !month || !day || *month < 1 || *day < 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return int64_t{std::chrono::sys_days(date).time_since_epoch().count()} * kDay;
}

bool IsHash(std::string_view text) {
  return text.size() >= 4 && text.size() <= 40 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

Result<Revision> ByHash(const std::string& prefix) {
  const auto [begin, end] = CommitsWithPrefix(prefix);
  if (begin == end) {
    Revision revision = HeadRevision();
    revision.certainty = Certainty::kNearest;
    revision.note = prefix + " is not an upstream commit known to this program; taken as " +
                    revision.ShortCommit() + " of " + revision.Date();
    return revision;
  }
  std::vector<int> on_master;
  for (int row = begin; row < end; ++row) {
    if (CommitAt(row).kind == CommitKind::kMaster) on_master.push_back(row);
  }
  if (end - begin == 1) return MakeRevision(begin);
  if (on_master.size() == 1) return MakeRevision(on_master[0]);
  std::vector<std::string> names;
  for (int row = begin; row < end; ++row) names.emplace_back(CommitAt(row).hash.substr(0, 12));
  return UsageError("the commit " + prefix + " is ambiguous: " + Join(names, ", "));
}

Revision ByDate(int64_t midnight) {
  Revision revision = RevisionAt(midnight + kDay - 1);
  const int64_t head_day = HeadRevision().time / kDay * kDay;
  if (midnight > head_day) {
    revision.certainty = Certainty::kNearest;
    revision.note = "newer than the newest commit known to this program, " +
                    revision.ShortCommit() + " of " + revision.Date();
  } else if (midnight + kDay <= revision.time) {
    revision.certainty = Certainty::kNearest;
    revision.note = "older than the first commit";
  } else {
    revision.note = "the last commit until that day, " + revision.ShortCommit();
  }
  return revision;
}

// Drops what follows a hash in nanochat's own reports, and tells whether it was "dirty".
std::string_view DropRemark(std::string_view text, bool* dirty) {
  for (const std::string_view remark : {"(dirty)", "-dirty", "(clean)"}) {
    if (text.size() > remark.size() && text.ends_with(remark)) {
      *dirty = remark != "(clean)";
      return Trim(text.substr(0, text.size() - remark.size()));
    }
  }
  return text;
}

}  // namespace

std::string Revision::Date() const {
  const std::chrono::sys_days days{std::chrono::days(time / kDay)};
  const std::chrono::year_month_day date{days};
  const auto two = [](unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  return std::to_string(static_cast<int>(date.year())) + "-" +
         two(static_cast<unsigned>(date.month())) + "-" + two(static_cast<unsigned>(date.day()));
}

Revision HeadRevision() { return MakeRevision(NewestOnMaster(INT64_MAX)); }

Revision RevisionAt(int64_t time) { return MakeRevision(NewestOnMaster(time)); }

std::optional<Revision> KnownCommit(std::string_view hash) {
  if (hash.size() != 40) return std::nullopt;
  const auto [begin, end] = CommitsWithPrefix(ToLower(hash));
  if (end - begin != 1) return std::nullopt;
  return MakeRevision(begin);
}

Result<Revision> FindRevision(std::string_view text) {
  bool dirty = false;
  const std::string name = ToLower(DropRemark(Trim(text), &dirty));
  if (name == "head" || name == "master" || name == "main") return HeadRevision();
  for (const Alias& alias : kAliases) {
    if (name == alias.name) return MakeRevision(CommitsWithPrefix(alias.commit).first);
  }
  if (const Family* family = FamilyByName(name)) {
    return MakeRevision(CommitsWithPrefix(family->first_commit).first);
  }
  if (const std::optional<int64_t> midnight = ParseDate(name)) return ByDate(*midnight);
  if (IsHash(name)) {
    Result<Revision> revision = ByHash(name);
    if (revision && dirty && revision->certainty == Certainty::kExact) {
      revision->certainty = Certainty::kModified;
      revision->note = "with local changes";
    }
    return revision;
  }
  std::vector<std::string> names = {"head"};
  for (const Alias& alias : kAliases) names.emplace_back(alias.name);
  for (const Family& family : Families()) names.emplace_back(family.name);
  std::string message = "'" + std::string(Trim(text)) +
                        "' is not a revision: a commit, a date (2026-01-15), or head, oct2025, "
                        "jan2026, mar2026";
  if (const auto nearest = Nearest(name, names)) message += "; did you mean '" + *nearest + "'?";
  return UsageError(message);
}

}  // namespace vramcast::nanochat
