#include "store/prune.h"

#include <algorithm>
#include <chrono>

namespace vramcast::store {
namespace {

constexpr int64_t kAtATime = 10000;
constexpr int kMostRounds = 64;  // of one call

// The oldest samples of the GPU whose samples reach back furthest. False: there are none.
bool DropOldest(const Database& database, int64_t own) {
  Statement oldest = database.Prepare(
      "SELECT id FROM (SELECT id, (SELECT min(time) FROM samples WHERE gpu = gpus.id) AS first,"
      " run = ?1 AND NOT EXISTS (SELECT 1 FROM samples WHERE gpu = gpus.id ORDER BY time"
      " LIMIT 1 OFFSET ?2) AS last_of_own FROM gpus)"
      " WHERE first IS NOT NULL ORDER BY last_of_own, first LIMIT 1");
  if (oldest.Bind(own, kAtATime).Step() != Outcome::kRow) return false;
  const int64_t gpu = oldest.Int(0);
  oldest.Reset();
  Statement drop = database.Prepare(
      "DELETE FROM samples WHERE gpu = ?1 AND time <= coalesce((SELECT time FROM samples WHERE"
      " gpu = ?1 ORDER BY time LIMIT 1 OFFSET ?2), 9223372036854775807)");
  return drop.Bind(gpu, kAtATime - 1).Run() == Outcome::kDone;
}

bool DropOldestRun(const Database& database, int64_t own) {
  Statement drop = database.Prepare(
      "DELETE FROM runs WHERE id = (SELECT id FROM runs WHERE id != ?1 ORDER BY last_seen LIMIT 1)"
      " AND (SELECT count(*) FROM runs) > 1");
  return drop.Bind(own).Run() == Outcome::kDone && database.changed() > 0;
}

}  // namespace

Bytes LiveSize(const Database& database) {
  const int64_t pages = database.Number("PRAGMA page_count").value_or(0) -
                        database.Number("PRAGMA freelist_count").value_or(0);
  return Bytes(pages * database.Number("PRAGMA page_size").value_or(0));
}

void Prune(const Database& database, const Limits& limits, int64_t own) {
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  // A recorded series is as old as its newest sample, not as today says.
  Statement newest = database.Prepare("SELECT max(last_seen) FROM runs");
  if (newest.Step() != Outcome::kRow || newest.IsNull(0)) return;
  const double cut =
      std::min(now, newest.Real(0)) - std::chrono::duration<double>(limits.age).count();
  newest.Reset();
  database.Prepare("DELETE FROM runs WHERE last_seen < ? AND id != ?").Bind(cut, own).Run();
  database
      .Prepare(
          "DELETE FROM samples WHERE time < ? AND gpu IN (SELECT gpus.id FROM gpus"
          " JOIN runs ON runs.id = run WHERE first_time < ? AND (run != ? OR last_seen >= ?))")
      .Bind(static_cast<int64_t>(cut * 1000), cut, own, cut)
      .Run();
  for (int i = 0; i < kMostRounds && LiveSize(database) > limits.size; ++i) {
    if (!DropOldest(database, own) && !DropOldestRun(database, own)) return;
  }
}

}  // namespace vramcast::store
