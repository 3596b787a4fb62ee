#include "cli/calibrate.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/calibrate_logs.h"
#include "cli/calibration.h"
#include "store/calibration.h"

namespace vramcast::cli {
namespace {

using nlohmann::json;
using store::CalibrationRow;
using store::CalibrationStore;

std::string Difference(Bytes bytes) {
  return bytes < Bytes(0) ? "-" + FormatBytes(-bytes) : "+" + FormatBytes(bytes);
}

json RowJson(const CalibrationRow& row) {
  return {{"what", row.what},
          {"gpu", row.gpu},
          {"family", row.family},
          {"stage", row.stage},
          {"phase", row.phase},
          {"ranks", row.ranks},
          {"configuration", row.configuration},
          {"measured_bytes", row.measured.count()},
          {"forecast_bytes", row.what == "allocated" ? json(row.forecast.count()) : json(nullptr)},
          {"source", row.source},
          {"version", row.version},
          {"added", row.added}};
}

void AddRows(const std::vector<CalibrationRow>& rows, Document* document) {
  for (const CalibrationRow& row : rows) {
    const std::string what =
        row.what == "allocated"
            ? fmt::format("{} beside the forecast; {}", Difference(row.measured - row.forecast),
                          row.configuration)
            : std::string("outside PyTorch");
    document->Add(Bullet{
        fmt::format("{}: {} on {}, {}.", row.source, FormatBytes(row.measured), row.gpu, what)});
  }
}

// What one call did.
struct Done {
  std::vector<LogUse> uses;
  int64_t added = 0, known = 0, forgotten = 0;
  std::optional<Error> error;  // of the log at which it stopped
};

Status Keep(const std::vector<LogUse>& uses, CalibrationStore* store, Done* done) {
  for (const LogUse& use : uses) {
    for (const forecast::Observation& seen : use.seen) {
      const auto added =
          store->Add(RowOf(seen, std::filesystem::path(use.file).filename().string()));
      if (!added) return tl::make_unexpected(added.error());
      ++(*added ? done->added : done->known);
    }
  }
  return {};
}

void PrintJson(const std::string& file, const Done& done, const std::vector<CalibrationRow>& rows,
               Output& output) {
  json object = {{"schema", "vramcast.calibration"},
                 {"version", 1},
                 {"file", file},
                 {"added", done.added},
                 {"already_known", done.known},
                 {"forgotten", done.forgotten},
                 {"unused", json::array()},
                 {"observations", json::array()}};
  for (const LogUse& use : done.uses) {
    for (const std::string& reason : use.unused) {
      object["unused"].push_back({{"log", use.file}, {"reason", reason}});
    }
  }
  for (const CalibrationRow& row : rows) object["observations"].push_back(RowJson(row));
  output.out() << object.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

void Print(const std::string& file, const Done& done, const std::vector<CalibrationRow>& rows,
           Output& output) {
  Document document;
  if (done.forgotten > 0) {
    document.Add(Paragraph{fmt::format("{} measurements were forgotten.", done.forgotten)});
  }
  if (!done.uses.empty()) {
    size_t unused = 0;
    for (const LogUse& use : done.uses) unused += use.unused.size();
    document.Add(Paragraph{
        fmt::format("{} measurements of {} logs are new, {} were known, {} could not be used.",
                    done.added, done.uses.size(), done.known, unused)});
  }
  for (const LogUse& use : done.uses) {
    for (const std::string& reason : use.unused) {
      document.Add(Bullet{fmt::format("{}: {}.", use.file, reason), Tone::kWarning});
    }
  }
  if (rows.empty()) {
    document.Add(
        Paragraph{"Nothing is calibrated. Logs in which a run printed its peak are read "
                  "with:"});
    document.Add(Code{"vramcast forecast --calibrate LOG --gpu NAME --revision COMMIT"});
  } else {
    document.Add(Title{"What is kept"});
    AddRows(rows, &document);
    document.Add(Paragraph{fmt::format(
        "Forecasts for these GPUs use it from now on; --explain shows how, --no-calibration leaves "
        "it out. It is in {}.",
        file)});
    document.Add(Code{"vramcast forecast --calibrate --forget"});
  }
  output.Print(document);
}

}  // namespace

Result<Exit> RunCalibrate(const CalibrateRequest& request, Output& output) {
  const auto file = store::CalibrationFile();
  if (!file) return tl::make_unexpected(file.error());
  Done done;
  for (const std::string& log : request.logs) {
    auto use = ReadCalibrationLog(log, request.base, request.command);
    if (!use) {
      done.error = use.error();
      break;
    }
    done.uses.push_back(*std::move(use));
  }
  bool useful = request.logs.empty();
  for (const LogUse& use : done.uses) useful = useful || !use.seen.empty();

  std::vector<std::string> messages;
  std::vector<CalibrationRow> rows;
  const bool writes = useful && !request.logs.empty();
  auto store = CalibrationStore::Open(
      *file, writes ? store::Missing::kIsMade : store::Missing::kFails, &messages);
  for (const std::string& message : messages) output.Note(message);
  if (!store) return tl::make_unexpected(store.error());
  if (*store) {
    if (request.forget) {
      const auto forgotten = (*store)->Forget();
      if (!forgotten) return tl::make_unexpected(forgotten.error());
      done.forgotten = *forgotten;
    }
    if (auto kept = Keep(done.uses, &**store, &done); !kept) {
      return tl::make_unexpected(kept.error());
    }
    auto all = (*store)->Rows(std::nullopt);
    if (!all) return tl::make_unexpected(all.error());
    rows = *std::move(all);
  }
  if (done.error && done.uses.empty()) return tl::make_unexpected(*done.error);
  if (request.json) {
    PrintJson(file->string(), done, rows, output);
  } else {
    Print(file->string(), done, rows, output);
  }
  if (done.error) return tl::make_unexpected(*done.error);
  return useful ? Exit::kYes : Exit::kBadNews;
}

}  // namespace vramcast::cli
