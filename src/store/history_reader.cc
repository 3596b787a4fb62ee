#include "store/history_reader.h"

#include <algorithm>
#include <map>
#include <system_error>
#include <utility>

#include "store/history_schema.h"

namespace vramcast::store {
namespace {

RunRow ReadRun(const Statement& row) {
  RunRow run{.id = row.Int(0)};
  run.start = {.kind = row.Text(1) == "run" ? RunKind::kRun : RunKind::kWatch,
               .command = row.Text(2),
               .began = row.Real(5),
               .attempt = row.Int(3)};
  run.host = row.Text(4);
  run.last_seen = row.Real(6);
  if (const auto ended = row.MaybeReal(7)) {
    run.end = {.ended = *ended,
               .exit_code = row.MaybeInt(8),
               .outcome = row.Text(9),
               .peak_allocated = row.MaybeBytes(10),
               .peak_reserved = row.MaybeBytes(11)};
  }
  return run;
}

GpuRow ReadGpu(const Statement& row) {
  return {.id = row.Int(1),
          .uuid = row.Text(2),
          .name = row.Text(3),
          .index = static_cast<int>(row.Int(4)),
          .capacity = row.MaybeBytes(5),
          .samples = row.Int(6),
          .first_time = row.Real(7),
          .last_time = row.Real(8),
          .first_step = row.MaybeInt(9),
          .last_step = row.MaybeInt(10),
          .first_used = Bytes(row.Int(11)),
          .last_used = Bytes(row.Int(12)),
          .peak = Bytes(row.Int(13)),
          .peak_time = row.Real(14),
          .processes = {}};
}

std::optional<std::string> MaybeText(const Statement& row, int column) {
  return row.IsNull(column) ? std::nullopt : std::optional(row.Text(column));
}

}  // namespace

Result<std::optional<HistoryReader>> HistoryReader::Open(const std::filesystem::path& file,
                                                         std::vector<std::string>* messages) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::nullopt;
  auto database = OpenCurrent(file, HistorySchema(), Missing::kFails, Journal::kLog, messages);
  if (!database) return tl::make_unexpected(database.error());
  return HistoryReader(*std::move(database));
}

Error HistoryReader::Failure() const {
  return {ErrorKind::kUnreadable, "the history cannot be read: " + database_.message()};
}

Result<std::vector<RunRow>> HistoryReader::Runs(const Query& query) const {
  std::vector<RunRow> runs;
  std::map<int64_t, size_t> place;
  Statement find = database_.Prepare(
      "SELECT id, kind, command, attempt, host, began, last_seen, ended, exit_code, outcome,"
      " peak_allocated, peak_reserved FROM runs WHERE (?1 IS NULL OR id = ?1)"
      " AND (?2 IS NULL OR last_seen >= ?2) AND (?3 IS NULL OR began <= ?3)"
      " AND (?4 IS NULL OR EXISTS(SELECT 1 FROM gpus WHERE run = runs.id AND place = ?4))"
      " ORDER BY began, id");
  find.Bind(query.run, query.since, query.until, query.gpu);
  Outcome outcome;
  while ((outcome = find.Step()) == Outcome::kRow) {
    runs.push_back(ReadRun(find));
    place[runs.back().id] = runs.size() - 1;
  }
  if (outcome != Outcome::kDone) return tl::make_unexpected(Failure());

  Statement gpus = database_.Prepare(
      "SELECT run, id, uuid, name, place, capacity, samples, first_time, last_time, first_step,"
      " last_step, first_used, last_used, peak, peak_time FROM gpus WHERE (?1 IS NULL OR run = ?1)"
      " AND (?2 IS NULL OR place = ?2) ORDER BY run, place, id");
  gpus.Bind(query.run, query.gpu);
  std::map<int64_t, std::pair<size_t, size_t>> gpu_place;
  while ((outcome = gpus.Step()) == Outcome::kRow) {
    const auto run = place.find(gpus.Int(0));
    if (run == place.end()) continue;
    std::vector<GpuRow>& rows = runs[run->second].gpus;
    rows.push_back(ReadGpu(gpus));
    gpu_place[rows.back().id] = {run->second, rows.size() - 1};
  }
  if (outcome != Outcome::kDone) return tl::make_unexpected(Failure());

  Statement processes = database_.Prepare(
      "SELECT gpu, pid, name, first_time, last_time, last_used, peak FROM processes"
      " WHERE ?1 IS NULL OR gpu IN (SELECT id FROM gpus WHERE run = ?1)"
      " ORDER BY gpu, peak DESC, pid");
  processes.Bind(query.run);
  while ((outcome = processes.Step()) == Outcome::kRow) {
    const auto gpu = gpu_place.find(processes.Int(0));
    if (gpu == gpu_place.end()) continue;
    runs[gpu->second.first].gpus[gpu->second.second].processes.push_back(
        {.pid = processes.Int(1),
         .name = MaybeText(processes, 2),
         .first_time = processes.Real(3),
         .last_time = processes.Real(4),
         .last_used = processes.MaybeBytes(5),
         .peak = processes.MaybeBytes(6)});
  }
  if (outcome != Outcome::kDone) return tl::make_unexpected(Failure());
  return runs;
}

Status HistoryReader::Points(const Query& query,
                             const std::function<bool(const Point&)>& each) const {
  const auto milliseconds = [](const std::optional<double>& time) {
    return time ? std::optional(static_cast<int64_t>(*time * 1000)) : std::nullopt;
  };
  Statement find = database_.Prepare(
      "SELECT gpus.run, gpus.id, gpus.place, samples.time, used, step, utilisation, temperature,"
      " allocated, reserved"
      " FROM gpus CROSS JOIN samples ON samples.gpu = gpus.id WHERE (?1 IS NULL OR gpus.run = ?1)"
      " AND samples.time >= coalesce(?2, -9223372036854775807)"
      " AND samples.time <= coalesce(?3, 9223372036854775807)"
      " AND (?4 IS NULL OR gpus.place = ?4) ORDER BY gpus.id, samples.time");
  find.Bind(query.run, milliseconds(query.since), milliseconds(query.until), query.gpu);
  Outcome outcome;
  while ((outcome = find.Step()) == Outcome::kRow) {
    Point point{.run = find.Int(0),
                .gpu = find.Int(1),
                .index = static_cast<int>(find.Int(2)),
                .time = static_cast<double>(find.Int(3)) / 1000,
                .used = Bytes(find.Int(4)),
                .step = find.MaybeInt(5)};
    if (!find.IsNull(6)) point.utilisation = static_cast<int>(find.Int(6));
    if (!find.IsNull(7)) point.temperature = static_cast<int>(find.Int(7));
    if (!find.IsNull(8)) point.allocated = Bytes(find.Int(8));
    if (!find.IsNull(9)) point.reserved = Bytes(find.Int(9));
    if (!each(point)) return {};
  }
  if (outcome != Outcome::kDone) return tl::make_unexpected(Failure());
  return {};
}

Result<int64_t> HistoryReader::Delete(int64_t run) {
  if (database_.Prepare("DELETE FROM runs WHERE id = ?").Bind(run).Run() != Outcome::kDone) {
    return tl::make_unexpected(Failure());
  }
  return database_.changed();
}

Result<int64_t> HistoryReader::DeleteBefore(double time) {
  if (database_.Prepare("DELETE FROM runs WHERE last_seen < ?").Bind(time).Run() !=
      Outcome::kDone) {
    return tl::make_unexpected(Failure());
  }
  const int64_t runs = database_.changed();
  const Outcome outcome = database_.Prepare("DELETE FROM samples WHERE time < ?")
                              .Bind(static_cast<int64_t>(time * 1000))
                              .Run();
  if (outcome != Outcome::kDone) return tl::make_unexpected(Failure());
  return runs;
}

}  // namespace vramcast::store
