#include "forecast/json.h"

#include <nlohmann/json.hpp>
#include <optional>

namespace vramcast::forecast {
namespace {

using nlohmann::json;

json Optional(const std::optional<Bytes>& bytes) {
  return bytes ? json(bytes->count()) : json(nullptr);
}
json Optional(const std::optional<int64_t>& value) { return value ? json(*value) : json(nullptr); }
json Optional(const std::optional<bool>& value) { return value ? json(*value) : json(nullptr); }

json Both(const Interval& interval) {
  return {{"low_bytes", interval.low.count()}, {"high_bytes", interval.high.count()}};
}

const char* KindName(Alternative::Kind kind) {
  switch (kind) {
    case Alternative::Kind::kSequenceLength:
      return "sequence_length";
    case Alternative::Kind::kDepth:
      return "depth";
    case Alternative::Kind::kWorldSize:
      return "world_size";
    case Alternative::Kind::kCard:
      return "card";
    case Alternative::Kind::kCheckpointing:
      return "checkpointing";
    case Alternative::Kind::kChunkedLoss:
      return "chunked_loss";
    case Alternative::Kind::kReleaseStaging:
      return "release_staging";
    case Alternative::Kind::kBf16States:
      break;
  }
  return "bf16_states";
}

json NameOrNull(const std::string& name) { return name.empty() ? json() : json(name); }

json Phases(const Forecast& forecast) {
  json phases = json::array();
  for (const PhasePeak& phase : forecast.phases) {
    phases.push_back({{"name", PhaseName(phase.phase)},
                      {"peak_allocated_bytes", phase.allocated.count()},
                      {"peak_reserved_bytes", phase.reserved.count()}});
  }
  return phases;
}

json Explanation(const Forecast& forecast) {
  json terms = json::array();
  for (const Term& term : forecast.terms) {
    terms.push_back({{"name", term.name},
                     {"category", CategoryName(term.category)},
                     {"formula", term.formula},
                     {"bytes", term.bytes.count()}});
  }
  return terms;
}

}  // namespace

json ToJson(const Forecast& forecast) {
  json composition = json::array();
  for (const CategoryBytes& part : forecast.composition) {
    composition.push_back(
        {{"category", CategoryName(part.category)}, {"bytes", part.bytes.count()}});
  }
  json inputs = json::array();
  for (const Input& input : forecast.inputs) {
    inputs.push_back({{"name", input.name}, {"value", input.value}, {"origin", input.origin}});
  }
  json uncertainties = json::array();
  for (const Uncertainty& reason : forecast.uncertainties) {
    uncertainties.push_back({{"reason", reason.reason},
                             {"low_bytes", reason.low.count()},
                             {"high_bytes", reason.high.count()}});
  }
  std::optional<Bytes> margin;
  if (forecast.capacity) margin = *forecast.capacity - forecast.device_interval.high;
  return {{"schema", "vramcast.forecast"},
          {"version", 1},
          {"peak",
           {{"phase", PhaseName(forecast.peak_phase)},
            {"allocated_bytes", forecast.peak_allocated.count()},
            {"reserved_bytes", forecast.peak_reserved.count()},
            {"device_bytes", forecast.peak_device.count()}}},
          {"phases", Phases(forecast)},
          {"composition", std::move(composition)},
          {"terms", Explanation(forecast)},
          {"model", {{"parameters", forecast.parameters}}},
          {"capacity_bytes", Optional(forecast.capacity)},
          {"calibration_shift_bytes", forecast.shift.count()},
          {"interval", Both(forecast.interval)},
          {"device_interval", Both(forecast.device_interval)},
          {"uncertainties", std::move(uncertainties)},
          {"fits", Optional(forecast.fits)},
          {"dies_in", forecast.dies_in ? json(PhaseName(*forecast.dies_in)) : json(nullptr)},
          {"margin_bytes", Optional(margin)},
          {"margin_asked_bytes", forecast.margin.count()},
          {"device_batch_size", forecast.device_batch_size},
          {"total_batch_size", Optional(forecast.total_batch_size)},
          {"grad_accum_steps", forecast.grad_accum_steps},
          {"world_size", forecast.world_size},
          {"revision", forecast.revision},
          {"refused", forecast.refused},
          {"inputs", std::move(inputs)},
          {"warnings", forecast.warnings}};
}

json ToJson(const std::vector<CodeRemedy>& remedies) {
  json all = json::array();
  for (const CodeRemedy& remedy : remedies) {
    all.push_back({{"patch", remedy.names},
                   {"description", remedy.description},
                   {"saved_bytes", remedy.saved.count()},
                   {"largest_batch", Optional(remedy.largest_batch)},
                   {"changes_training", remedy.changes_training()},
                   {"proven", remedy.proven},
                   {"command", NameOrNull(PatchCommand(remedy))},
                   {"forecast", ToJson(remedy.forecast)}});
  }
  return all;
}

json ToJson(const Fit& fit) {
  json candidates = json::array();
  for (const Candidate& candidate : fit.candidates) {
    candidates.push_back({{"device_batch_size", candidate.device_batch_size},
                          {"grad_accum_steps", candidate.grad_accum_steps},
                          {"peak_allocated_bytes", candidate.peak_allocated.count()},
                          {"peak_device_bytes", candidate.peak_device.count()},
                          {"device_high_bytes", candidate.device_high.count()},
                          {"phase", PhaseName(candidate.phase)},
                          {"fits", candidate.fits}});
  }
  json alternatives = json::array();
  for (const Alternative& alternative : fit.alternatives) {
    alternatives.push_back({{"kind", KindName(alternative.kind)},
                            {"description", alternative.description},
                            {"needs_code_change", alternative.needs_code_change},
                            {"patch", NameOrNull(alternative.patch)},
                            {"largest_batch", Optional(alternative.largest_batch)},
                            {"fits", Optional(alternative.forecast.fits)},
                            {"forecast", ToJson(alternative.forecast)}});
  }
  return {{"schema", "vramcast.fit"},
          {"version", 1},
          {"device_batch_size", Optional(fit.device_batch_size)},
          {"total_batch_size", Optional(fit.total_batch_size)},
          {"grad_accum_steps", fit.grad_accum_steps},
          {"forecast", ToJson(fit.forecast)},
          {"candidates", std::move(candidates)},
          {"alternatives", std::move(alternatives)},
          {"notes", fit.notes}};
}

}  // namespace vramcast::forecast
