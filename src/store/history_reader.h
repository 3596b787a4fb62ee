// The reading side of the history: queries, and deletion of what the user names.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"
#include "store/rows.h"

namespace vramcast::store {

struct Query {
  std::optional<int64_t> run;
  std::optional<double> since, until;  // seconds since 1970
  std::optional<int> gpu;              // its index
};

class HistoryReader {
 public:
  // Nothing where there is no history yet. A damaged file is set aside, which `messages` says.
  static Result<std::optional<HistoryReader>> Open(const std::filesystem::path& file,
                                                   std::vector<std::string>* messages);

  // Runs that were alive in the time asked for, oldest first, with their GPUs.
  Result<std::vector<RunRow>> Runs(const Query& query) const;
  // Samples by run, GPU and time, until `each` returns false.
  Status Points(const Query& query, const std::function<bool(const Point&)>& each) const;

  // Rows of runs that are gone.
  Result<int64_t> Delete(int64_t run);
  Result<int64_t> DeleteBefore(double time);  // whole runs that ended before, samples of others

 private:
  explicit HistoryReader(Database database) : database_(std::move(database)) {}
  Error Failure() const;

  Database database_;
};

}  // namespace vramcast::store
