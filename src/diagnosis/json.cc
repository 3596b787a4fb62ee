#include "diagnosis/json.h"

#include <nlohmann/json.hpp>

#include "crashlog/json.h"
#include "forecast/json.h"

namespace vramcast::diagnosis {
namespace {

using nlohmann::json;

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGpuMemory:
      return "gpu_memory";
    case Verdict::kHostMemory:
      return "host_memory";
    case Verdict::kLookAlike:
      return "look_alike";
    case Verdict::kNoDeath:
      break;
  }
  return "no_death";
}

json Name(Explains explains) {
  switch (explains) {
    case Explains::kYes:
      return "yes";
    case Explains::kNearly:
      return "nearly";
    case Explains::kNo:
      return "no";
    case Explains::kUnknown:
      break;
  }
  return nullptr;
}

json ToJson(const Evidence& evidence) {
  return {{"text", evidence.text}, {"source", evidence.source}};
}

json ToJson(const std::vector<Evidence>& evidence) {
  json array = json::array();
  for (const Evidence& item : evidence) {
    array.push_back(ToJson(item));
  }
  return array;
}

json ToJson(const Job& job) {
  return {{"command", std::string(job.script.script.Source(job.launch().span))},
          {"explains", Name(job.explains)},
          {"verdict", job.verdict.empty() ? json() : json(job.verdict)},
          {"forecast", job.forecast ? forecast::ToJson(*job.forecast) : json()},
          {"notes", job.notes}};
}

}  // namespace

nlohmann::json ToJson(const Diagnosis& diagnosis) {
  json result = {{"schema", "vramcast.diagnose"}, {"version", 1}};
  const crashlog::OomEvent* main = diagnosis.main_event();
  result["verdict"] = Name(diagnosis.verdict);
  result["summary"] = diagnosis.summary;
  result["is_vram_oom"] = main != nullptr && main->is_vram_oom;
  result["events"] = json::array();
  for (const Death& death : diagnosis.deaths) {
    const Log& log = diagnosis.logs[death.log];
    json event = crashlog::ToJson(log.report.events[death.event]);
    event["file"] = log.name;
    event["cause"] = CauseName(death.cause);
    result["events"].push_back(std::move(event));
  }
  result["oom"] = diagnosis.main ? result["events"][*diagnosis.main] : json();
  result["pattern"] = main != nullptr ? json(crashlog::PatternName(main->pattern)) : json();
  result["pattern_evidence"] = ToJson(diagnosis.when);
  result["findings"] = json::array();
  for (const Finding& finding : diagnosis.findings) {
    result["findings"].push_back({{"cause", CauseName(finding.cause)},
                                  {"confidence", finding.confidence},
                                  {"evidence", ToJson(finding.evidence)}});
  }
  result["remedies"] = json::array();
  for (const Remedy& remedy : diagnosis.remedies) {
    result["remedies"].push_back(
        {{"action", remedy.action},
         {"command", remedy.command.empty() ? json() : json(remedy.command)},
         {"forecast", remedy.forecast ? forecast::ToJson(*remedy.forecast) : json()}});
  }
  result["job"] = diagnosis.job ? ToJson(*diagnosis.job) : json();
  result["others"] = diagnosis.others;
  result["next"] = diagnosis.next;
  result["skipped"] = diagnosis.skipped;
  return result;
}

}  // namespace vramcast::diagnosis
