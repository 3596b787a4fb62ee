#include "store/history_schema.h"

#include <array>

namespace vramcast::store {
namespace {

// Times in `samples` are milliseconds since 1970, elsewhere seconds; sizes are bytes. A row of
// `gpus` is one GPU in one run and keeps what counts of its samples, which are the first to go.
constexpr const char* kFirst = R"sql(
CREATE TABLE runs(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  command TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  host TEXT,
  began REAL NOT NULL,
  last_seen REAL NOT NULL,
  ended REAL,
  exit_code INTEGER,
  outcome TEXT,
  peak_allocated INTEGER,
  peak_reserved INTEGER);
CREATE TABLE gpus(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  uuid TEXT NOT NULL,
  name TEXT NOT NULL,
  place INTEGER NOT NULL,
  capacity INTEGER,
  samples INTEGER NOT NULL,
  first_time REAL NOT NULL,
  last_time REAL NOT NULL,
  first_step INTEGER,
  last_step INTEGER,
  first_used INTEGER NOT NULL,
  last_used INTEGER NOT NULL,
  peak INTEGER NOT NULL,
  peak_time REAL NOT NULL,
  UNIQUE(run, uuid));
CREATE TABLE samples(
  gpu INTEGER NOT NULL REFERENCES gpus(id) ON DELETE CASCADE,
  time INTEGER NOT NULL,
  used INTEGER NOT NULL,
  step INTEGER,
  utilisation INTEGER,
  temperature INTEGER,
  PRIMARY KEY(gpu, time)) WITHOUT ROWID;
CREATE TABLE processes(
  gpu INTEGER NOT NULL REFERENCES gpus(id) ON DELETE CASCADE,
  pid INTEGER NOT NULL,
  name TEXT,
  first_time REAL NOT NULL,
  last_time REAL NOT NULL,
  last_used INTEGER,
  peak INTEGER,
  PRIMARY KEY(gpu, pid)) WITHOUT ROWID;
)sql";

// What the allocators in the processes hold, where they tell it.
constexpr const char* kAllocator = R"sql(
ALTER TABLE samples ADD COLUMN allocated INTEGER;
ALTER TABLE samples ADD COLUMN reserved INTEGER;
)sql";

constexpr std::array kSteps = {kFirst, kAllocator};

}  // namespace

Schema HistorySchema() { return kSteps; }

}  // namespace vramcast::store
