// What runs on the user's machines have shown, kept until the user forgets it: calibration.db.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/database.h"

namespace vramcast::store {

// calibration.db in the user's data folder (base/user_folder.h).
Result<std::filesystem::path> CalibrationFile();

// One measurement beside its forecast. What the words mean is the forecast's affair.
struct CalibrationRow {
  std::string what;  // "allocated" or "outside"
  std::string gpu, family, stage, phase;
  int64_t ranks = 0;
  std::string configuration;
  Bytes measured, forecast;
  std::string source;   // the log's name, without its folder
  std::string version;  // of vramcast that made the forecast
  double added = 0;     // seconds since 1970
};

class CalibrationStore {
 public:
  // Nothing where there is no file and `missing` is kFails: costs one look at the file system. A
  // damaged file is set aside, which `messages` says.
  static Result<std::optional<CalibrationStore>> Open(const std::filesystem::path& file,
                                                      Missing missing,
                                                      std::vector<std::string>* messages);

  // False: this very measurement is there already.
  Result<bool> Add(const CalibrationRow& row);
  // Those of a GPU, or all, in the order in which they came.
  Result<std::vector<CalibrationRow>> Rows(const std::optional<std::string>& gpu) const;
  // Deletes all; how many.
  Result<int64_t> Forget();

 private:
  explicit CalibrationStore(Database database) : database_(std::move(database)) {}
  Error Failure() const;

  Database database_;
};

}  // namespace vramcast::store
