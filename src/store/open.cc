#include "store/open.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <system_error>

namespace vramcast::store {
namespace {

namespace fs = std::filesystem;

// A name that nothing has: two damaged files within a second are possible.
fs::path FreeName(const fs::path& file) {
  const std::string stem =
      fmt::format("{}.damaged-{:%Y%m%d-%H%M%S}", file.string(), fmt::gmtime(std::time(nullptr)));
  std::error_code error;
  fs::path name = stem;
  for (int i = 2; fs::exists(name, error); ++i) name = fmt::format("{}-{}", stem, i);
  return name;
}

Error Failure(const fs::path& file, const std::string& why) {
  return {ErrorKind::kMachine, fmt::format("{}: {}", file.string(), why)};
}

// Another process may do the same at the same time: what is done is decided under the lock.
Outcome Migrate(const Database& database, Schema schema) {
  Outcome outcome = database.Execute("BEGIN IMMEDIATE");
  if (outcome != Outcome::kDone) return outcome;
  const auto version = static_cast<size_t>(database.Number("PRAGMA user_version").value_or(0));
  for (size_t i = version; i < schema.size() && outcome == Outcome::kDone; ++i) {
    outcome = database.Execute(schema[i]);
  }
  if (outcome == Outcome::kDone && version < schema.size()) {
    outcome = database.Execute(fmt::format("PRAGMA user_version = {}", schema.size()));
  }
  const Outcome ended = database.Execute(outcome == Outcome::kDone ? "COMMIT" : "ROLLBACK");
  return outcome == Outcome::kDone ? ended : outcome;
}

Result<Database> TryOpen(const fs::path& file, Schema schema, Missing missing, Journal journal,
                         Outcome* outcome) {
  auto database = Database::Open(file, missing, journal, outcome);
  if (!database) return database;
  Statement ask = database->Prepare("PRAGMA user_version");
  *outcome = ask.Step();
  if (*outcome != Outcome::kRow) {
    return tl::make_unexpected(Failure(file, database->message()));
  }
  const int64_t version = ask.Int(0);
  ask.Reset();
  *outcome = Outcome::kDone;
  if (version > static_cast<int64_t>(schema.size()) || version < 0) {
    *outcome = Outcome::kFailed;
    return tl::make_unexpected(
        Failure(file, fmt::format("written by a newer vramcast (its schema is {}, this one knows "
                                  "{}); left alone",
                                  version, schema.size())));
  }
  if (version < static_cast<int64_t>(schema.size())) {
    *outcome = Migrate(*database, schema);
    if (*outcome != Outcome::kDone) {
      return tl::make_unexpected(Failure(file, database->message()));
    }
  }
  return database;
}

}  // namespace

Status SetAside(const fs::path& file, std::vector<std::string>* messages) {
  const fs::path name = FreeName(file);
  std::error_code error;
  fs::rename(file, name, error);
  if (error) return tl::make_unexpected(Failure(file, "damaged, and " + error.message()));
  for (const char* part : {"-wal", "-shm", "-journal"}) {
    fs::rename(file.string() + part, name.string() + part, error);  // may not be there
  }
  messages->push_back(fmt::format("{} was damaged and was set aside as {}; a new one was begun",
                                  file.string(), name.filename().string()));
  return {};
}

Result<Database> OpenCurrent(const fs::path& file, Schema schema, Missing missing, Journal journal,
                             std::vector<std::string>* messages) {
  Outcome outcome = Outcome::kDone;
  auto database = TryOpen(file, schema, missing, journal, &outcome);
  if (database || outcome != Outcome::kCorrupt) return database;
  if (auto status = SetAside(file, messages); !status) {
    return tl::make_unexpected(status.error());
  }
  return TryOpen(file, schema, Missing::kIsMade, journal, &outcome);
}

}  // namespace vramcast::store
