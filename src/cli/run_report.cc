#include "cli/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/fix_plan.h"
#include "cli/gpu_text.h"

namespace vramcast::cli {
namespace {

using nlohmann::json;

struct PhaseRow {
  Phase phase = Phase::kUnknown;
  std::optional<Bytes> forecast, measured;
};

supervise::Records RecordsOf(const Attempt& attempt, const std::string& program) {
  supervise::Records records;
  for (const supervise::ProcessRecord& process : attempt.records.processes) {
    if (ProgramStem(process.program) == ProgramStem(program)) records.processes.push_back(process);
  }
  return records;
}

// Forecast beside measured, in the forecast's order; what was measured but not forecast last.
std::vector<PhaseRow> Compare(const forecast::Forecast* forecast,
                              const supervise::Records& records) {
  std::vector<PhaseRow> rows;
  const auto row = [&rows](Phase phase) -> PhaseRow& {
    const auto found = std::find_if(rows.begin(), rows.end(),
                                    [phase](const PhaseRow& r) { return r.phase == phase; });
    if (found != rows.end()) return *found;
    rows.push_back({.phase = phase, .forecast = {}, .measured = {}});
    return rows.back();
  };
  if (forecast != nullptr) {
    for (const forecast::PhasePeak& peak : forecast->phases) {
      PhaseRow& merged = row(supervise::SeenFromOutside(peak.phase));
      merged.forecast = std::max(merged.forecast.value_or(Bytes(0)), peak.allocated);
    }
  }
  for (const supervise::PhaseMeasured& measured : supervise::MeasuredPhases(records)) {
    if (measured.phase != Phase::kUnknown) row(measured.phase).measured = measured.allocated;
  }
  return rows;
}

std::string Size(const std::optional<Bytes>& bytes) { return bytes ? FormatBytes(*bytes) : "-"; }

std::optional<Bytes> PeakAllocated(const supervise::Records& records) {
  std::optional<Bytes> peak;
  for (const supervise::ProcessRecord& process : records.processes) {
    peak = std::max(peak.value_or(Bytes(0)), process.peak_allocated);
  }
  return peak;
}

std::optional<Bytes> PeakReserved(const supervise::Records& records) {
  std::optional<Bytes> peak;
  for (const supervise::ProcessRecord& process : records.processes) {
    peak = std::max(peak.value_or(Bytes(0)), process.peak_reserved);
  }
  return peak;
}

void AddPeaks(const std::string& program, const forecast::Forecast* forecast,
              const supervise::Records& records, const std::optional<Bytes>& printed,
              Document* document) {
  const auto rows = Compare(forecast, records);
  const std::optional<Bytes> allocated = printed ? printed : PeakAllocated(records);
  document->Add(Title{fmt::format("Memory of {}", program)});
  Table table{.header = {"phase", "forecast", "measured"}, .right_aligned = {false, true, true}};
  for (const PhaseRow& row : rows) {
    table.rows.push_back({std::string(PhaseTitle(row.phase)), Size(row.forecast),
                          row.measured ? "≥ " + FormatBytes(*row.measured) : "-"});
  }
  const auto forecast_peak =
      forecast == nullptr ? std::optional<Bytes>() : std::optional(forecast->peak_allocated);
  const auto forecast_reserved =
      forecast == nullptr ? std::optional<Bytes>() : std::optional(forecast->peak_reserved);
  table.rows.push_back({"peak, allocated", Size(forecast_peak), Size(allocated)});
  table.rows.push_back({"peak, reserved", Size(forecast_reserved), Size(PeakReserved(records))});
  document->Add(std::move(table));
}

void AddMemory(const Attempt& attempt, Document* document) {
  std::vector<std::string> told;
  for (const LaunchForecast& launch : attempt.forecasts) {
    const auto records = RecordsOf(attempt, launch.program);
    const bool only = attempt.forecasts.size() == 1;
    AddPeaks(launch.program, &launch.forecast, records, only ? attempt.printed_peak : std::nullopt,
             document);
    told.push_back(ProgramStem(launch.program));
  }
  for (const supervise::ProcessRecord& process : attempt.records.processes) {
    const std::string stem = ProgramStem(process.program);
    if (std::find(told.begin(), told.end(), stem) != told.end()) continue;
    told.push_back(stem);
    AddPeaks(process.program.empty() ? "the program" : process.program, nullptr,
             RecordsOf(attempt, process.program), std::nullopt, document);
  }
  if (attempt.device_peak) {
    document->Add(Paragraph{fmt::format("The driver saw its processes hold {} on one GPU.",
                                        FormatBytes(*attempt.device_peak))});
  }
}

json Optional(const std::optional<Bytes>& bytes) { return bytes ? json(bytes->count()) : json(); }

json Phases(const Attempt& attempt) {
  json launches = json::array();
  const auto add = [&](const std::string& program, const forecast::Forecast* forecast) {
    const auto records = RecordsOf(attempt, program);
    json phases = json::array();
    for (const PhaseRow& row : Compare(forecast, records)) {
      phases.push_back({{"name", PhaseName(row.phase)},
                        {"forecast_allocated_bytes", Optional(row.forecast)},
                        {"measured_allocated_bytes", Optional(row.measured)}});
    }
    launches.push_back({{"program", program},
                        {"phases", phases},
                        {"peak_allocated_bytes", Optional(PeakAllocated(records))},
                        {"peak_reserved_bytes", Optional(PeakReserved(records))}});
  };
  std::vector<std::string> told;
  for (const LaunchForecast& launch : attempt.forecasts) {
    add(launch.program, &launch.forecast);
    told.push_back(ProgramStem(launch.program));
  }
  for (const supervise::ProcessRecord& process : attempt.records.processes) {
    const std::string stem = ProgramStem(process.program);
    if (std::find(told.begin(), told.end(), stem) != told.end()) continue;
    told.push_back(stem);
    add(process.program, nullptr);
  }
  return launches;
}

}  // namespace

double RunStory::lost() const {
  double seconds = 0;
  for (const Attempt& attempt : attempts) seconds += attempt.lost;
  return seconds;
}

bool IsWorthTelling(const RunStory& story) {
  const Attempt& last = story.attempts.back();
  return story.attempts.size() > 1 || last.outcome == Outcome::kGpuMemory ||
         last.outcome == Outcome::kHostMemory || !story.protection.empty() ||
         !last.forecasts.empty() || !last.records.processes.empty();
}

Document Describe(const RunStory& story) {
  const Attempt& last = story.attempts.back();
  Document document;
  document.Add(Title{"What ran"});
  Table table{.header = {"attempt", "took", "exit code", "what happened"},
              .right_aligned = {true, true, true}};
  for (size_t i = 0; i < story.attempts.size(); ++i) {
    const Attempt& attempt = story.attempts[i];
    table.rows.push_back({std::to_string(i + 1), FormatSeconds(attempt.seconds()),
                          std::to_string(attempt.ended.code),
                          attempt.outcome == Outcome::kFinished ? "finished" : attempt.summary});
  }
  document.Add(table);
  for (size_t i = 0; i < story.attempts.size(); ++i) {
    const Attempt& attempt = story.attempts[i];
    for (const std::string& change : attempt.changes) {
      document.Add(Bullet{fmt::format("changed for attempt {}: {}", i + 2, change)});
    }
    if (attempt.stalled) {
      document.Add(Bullet{fmt::format(
          "attempt {}: one process had died and the others waited for it, so they were ended",
          i + 1)});
    }
    if (attempt.ended.leftovers > 0) {
      document.Add(
          Bullet{fmt::format("attempt {} left {} process{} behind, which {} ended", i + 1,
                             attempt.ended.leftovers, attempt.ended.leftovers == 1 ? "" : "es",
                             attempt.ended.leftovers == 1 ? "was" : "were")});
    }
    for (const std::string& file : attempt.snapshots) {
      document.Add(Bullet{"memory at that moment: vramcast snapshot " + file});
    }
  }
  if (!story.protection.empty()) document.Add(Bullet{story.protection});
  for (const std::string& note : story.notes) document.Add(Bullet{note, Tone::kWarning});
  if (!story.why_no_more.empty()) {
    document.Add(Paragraph{"No further attempt: " + story.why_no_more + ".", Tone::kBad});
  }
  if (story.lost() > 0) {
    document.Add(Paragraph{fmt::format("The failures cost {}: time whose work was not kept.",
                                       FormatSeconds(story.lost()))});
  }
  AddMemory(last, &document);
  document.Add(Title{story.finished() ? "The command that finished" : "The last command"});
  document.Add(Code{last.command});
  if (!story.difference.empty()) {
    document.Add(
        Paragraph{"The script itself was left as it is; it was run with this difference:"});
    document.Add(Code{story.difference});
  }
  return document;
}

json ToJson(const RunStory& story) {
  json report = {{"schema", "vramcast.run"}, {"version", 1}};
  const Attempt& last = story.attempts.back();
  report["exit_code"] = last.ended.code;
  report["command"] = last.command;
  report["lost_seconds"] = story.lost();
  report["protection"] = story.protection.empty() ? json() : json(story.protection);
  report["why_no_more"] = story.why_no_more.empty() ? json() : json(story.why_no_more);
  report["notes"] = story.notes;
  report["difference"] = story.difference.empty() ? json() : json(story.difference);
  report["attempts"] = json::array();
  for (const Attempt& attempt : story.attempts) {
    report["attempts"].push_back(
        {{"command", attempt.command},
         {"exit_code", attempt.ended.code},
         {"seconds", attempt.seconds()},
         {"outcome", OutcomeName(attempt.outcome)},
         {"out_of_memory", attempt.outcome == Outcome::kGpuMemory},
         {"cause", attempt.cause ? json(diagnosis::CauseName(*attempt.cause)) : json()},
         {"summary", attempt.summary},
         {"changes", attempt.changes},
         {"lost_seconds", attempt.lost},
         {"stalled", attempt.stalled},
         {"interrupted", attempt.ended.interrupted},
         {"leftover_processes", attempt.ended.leftovers},
         {"dropped_output_bytes", attempt.ended.dropped},
         {"snapshots", attempt.snapshots},
         {"peak_device_bytes", Optional(attempt.device_peak)},
         {"launches", Phases(attempt)}});
  }
  return report;
}

}  // namespace vramcast::cli
