#include "store/calibration.h"

#include <array>
#include <system_error>
#include <utility>

#include "base/user_folder.h"
#include "store/open.h"

namespace vramcast::store {
namespace {

constexpr std::array kSteps = {R"sql(
CREATE TABLE observations(
  id INTEGER PRIMARY KEY,
  what TEXT NOT NULL,
  gpu TEXT NOT NULL,
  family TEXT NOT NULL,
  stage TEXT NOT NULL,
  phase TEXT NOT NULL,
  ranks INTEGER NOT NULL,
  configuration TEXT NOT NULL,
  measured INTEGER NOT NULL,
  forecast INTEGER NOT NULL,
  source TEXT NOT NULL,
  version TEXT NOT NULL,
  added REAL NOT NULL,
  UNIQUE(what, gpu, family, stage, phase, ranks, configuration, measured, forecast, source,
         version));
)sql"};

}  // namespace

Result<std::filesystem::path> CalibrationFile() {
  auto folder = DataFolder();
  if (!folder) return folder;
  return *folder / "calibration.db";
}

Result<std::optional<CalibrationStore>> CalibrationStore::Open(const std::filesystem::path& file,
                                                               Missing missing,
                                                               std::vector<std::string>* messages) {
  std::error_code error;
  if (missing == Missing::kFails && !std::filesystem::exists(file, error)) return std::nullopt;
  auto database = OpenCurrent(file, kSteps, missing, Journal::kRollback, messages);
  if (!database) return tl::make_unexpected(database.error());
  return CalibrationStore(*std::move(database));
}

Error CalibrationStore::Failure() const {
  return {ErrorKind::kMachine, "the calibration cannot be kept or read: " + database_.message()};
}

Result<bool> CalibrationStore::Add(const CalibrationRow& row) {
  const Outcome outcome =
      database_
          .Prepare(
              "INSERT OR IGNORE INTO observations(what, gpu, family, stage, phase, ranks,"
              " configuration, measured, forecast, source, version, added)"
              " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
          .Bind(row.what, row.gpu, row.family, row.stage, row.phase, row.ranks, row.configuration,
                row.measured, row.forecast, row.source, row.version, row.added)
          .Run();
  if (outcome != Outcome::kDone) return tl::make_unexpected(Failure());
  return database_.changed() > 0;
}

Result<std::vector<CalibrationRow>> CalibrationStore::Rows(
    const std::optional<std::string>& gpu) const {
  std::vector<CalibrationRow> rows;
  Statement find = database_.Prepare(
      "SELECT what, gpu, family, stage, phase, ranks, configuration, measured, forecast, source,"
      " version, added FROM observations WHERE ?1 IS NULL OR gpu = ?1 ORDER BY id");
  find.Bind(gpu);
  Outcome outcome;
  while ((outcome = find.Step()) == Outcome::kRow) {
    rows.push_back({.what = find.Text(0),
                    .gpu = find.Text(1),
                    .family = find.Text(2),
                    .stage = find.Text(3),
                    .phase = find.Text(4),
                    .ranks = find.Int(5),
                    .configuration = find.Text(6),
                    .measured = Bytes(find.Int(7)),
                    .forecast = Bytes(find.Int(8)),
                    .source = find.Text(9),
                    .version = find.Text(10),
                    .added = find.Real(11)});
  }
  if (outcome != Outcome::kDone) return tl::make_unexpected(Failure());
  return rows;
}

Result<int64_t> CalibrationStore::Forget() {
  if (database_.Execute("DELETE FROM observations") != Outcome::kDone) {
    return tl::make_unexpected(Failure());
  }
  return database_.changed();
}

}  // namespace vramcast::store
