#include "store/prune.h"

#include <algorithm>
#include <chrono>

namespace vramcast::store {
namespace {

constexpr int64_t kAtATime = 10000;
constexpr int kMostRounds = 64;  // of one call

// The oldest samples of the GPU whose samples reach back furthest. False: there are none.
bool DropOldest(const Database& database) {
  Statement oldest = database.Prepare(
      "SELECT id FROM (SELECT id, (SELECT min(time) FROM samples WHERE gpu = gpus.id) AS first"
      " FROM gpus) WHERE first IS NOT NULL ORDER BY first LIMIT 1");
  if (oldest.Step() != Outcome::kRow) return false;
  const int64_t gpu = oldest.Int(0);
  oldest.Reset();
  Statement drop = database.Prepare(
      "DELETE FROM samples WHERE gpu = ?1 AND time <= coalesce((SELECT time FROM samples WHERE"
      " gpu = ?1 ORDER BY time LIMIT 1 OFFSET ?2), 9223372036854775807)");
  return drop.Bind(gpu, kAtATime - 1).Run() == Outcome::kDone;
}

bool DropOldestRun(const Database& database) {
  Statement drop = database.Prepare(
      "DELETE FROM runs WHERE id = (SELECT id FROM runs ORDER BY last_seen LIMIT 1)"
      " AND (SELECT count(*) FROM runs) > 1");
  return drop.Run() == Outcome::kDone && database.changed() > 0;
}

}  // namespace

Bytes LiveSize(const Database& database) {
  const int64_t pages = database.Number("PRAGMA page_count").value_or(0) -
                        database.Number("PRAGMA freelist_count").value_or(0);
  return Bytes(pages * database.Number("PRAGMA page_size").value_or(0));
}

void Prune(const Database& database, const Limits& limits) {
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  // A recorded series is as old as its newest sample, not as today says.
  Statement newest = database.Prepare("SELECT max(last_seen) FROM runs");
  if (newest.Step() != Outcome::kRow || newest.IsNull(0)) return;
  const double cut =
      std::min(now, newest.Real(0)) - std::chrono::duration<double>(limits.age).count();
  newest.Reset();
  database.Prepare("DELETE FROM runs WHERE last_seen < ?").Bind(cut).Run();
  database
      .Prepare(
          "DELETE FROM samples WHERE gpu IN (SELECT id FROM gpus WHERE first_time < ?)"
          " AND time < ?")
      .Bind(cut, static_cast<int64_t>(cut * 1000))
      .Run();
  for (int i = 0; i < kMostRounds && LiveSize(database) > limits.size; ++i) {
    if (!DropOldest(database) && !DropOldestRun(database)) return;
  }
}

}  // namespace vramcast::store
