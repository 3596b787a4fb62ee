#include "cli/history_export.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "store/json.h"

namespace vramcast::cli {
namespace {

template <typename T>
std::string OrEmpty(const std::optional<T>& value) {
  return value ? std::to_string(*value) : std::string();
}

std::string OrEmpty(const std::optional<Bytes>& value) {
  return value ? std::to_string(value->count()) : std::string();
}

std::string CsvLine(const store::Point& point) {
  return fmt::format("{},{},{:.3f},{},{},{},{},{},{}\n", point.run, point.index, point.time,
                     point.used.count(), OrEmpty(point.step), OrEmpty(point.utilisation),
                     OrEmpty(point.temperature), OrEmpty(point.allocated), OrEmpty(point.reserved));
}

std::string Text(const nlohmann::json& object) {
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Result<int64_t> ExportHistory(const store::HistoryReader& reader, const store::Query& query,
                              const std::string& file) {
  const bool csv = file.ends_with(".csv");
  if (!csv && !file.ends_with(".json")) {
    return UsageError(fmt::format("--export writes FILE.csv or FILE.json, not '{}'", file));
  }
  const auto runs = reader.Runs(query);
  if (!runs) return tl::make_unexpected(runs.error());
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  if (csv) {
    out << "run,gpu,time,used_bytes,step,utilisation_percent,temperature_celsius,"
           "allocated_bytes,reserved_bytes\n";
  } else {
    nlohmann::json rows = nlohmann::json::array();
    for (const store::RunRow& run : *runs) rows.push_back(store::ToJson(run));
    out << R"({"schema":"vramcast.history","version":1,"runs":)" << Text(rows) << ",\"samples\":[";
  }
  int64_t written = 0;
  const Status read = reader.Points(query, [&](const store::Point& point) {
    if (csv) {
      out << CsvLine(point);
    } else {
      out << (written == 0 ? "\n" : ",\n") << Text(store::ToJson(point));
    }
    ++written;
    return out.good();
  });
  if (!read) return tl::make_unexpected(read.error());
  if (!csv) out << "\n]}\n";
  out.close();
  if (!out) return UnreadableError(fmt::format("{}: {}", file, std::strerror(errno)));
  return written;
}

}  // namespace vramcast::cli
