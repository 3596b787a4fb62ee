#include "cli/calibration.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace vramcast::cli {
namespace {

constexpr const char* kOutside = "outside";
constexpr const char* kAllocated = "allocated";

}  // namespace

store::CalibrationRow RowOf(const forecast::Observation& seen, const std::string& source) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {.what = seen.what == forecast::Measured::kOutside ? kOutside : kAllocated,
          .gpu = seen.gpu,
          .family = seen.family,
          .stage = seen.stage,
          .phase = seen.phase,
          .ranks = seen.ranks,
          .configuration = seen.configuration,
          .measured = seen.measured,
          .forecast = seen.forecast,
          .source = source,
          .version = VRAMCAST_VERSION,
          .added = std::chrono::duration<double>(now).count()};
}

forecast::Observation ObservationOf(const store::CalibrationRow& row) {
  return {
      .what = row.what == kOutside ? forecast::Measured::kOutside : forecast::Measured::kAllocated,
      .gpu = row.gpu,
      .family = row.family,
      .stage = row.stage,
      .phase = row.phase,
      .ranks = row.ranks,
      .configuration = row.configuration,
      .measured = row.measured,
      .forecast = row.forecast};
}

std::shared_ptr<const forecast::Calibration> LoadCalibration(const std::string& card,
                                                             std::vector<std::string>* notes) {
  const auto file = store::CalibrationFile();
  if (!file) return nullptr;
  const auto opened = store::CalibrationStore::Open(*file, store::Missing::kFails, notes);
  if (!opened) {
    notes->push_back("the calibration is not used: " + opened.error().message);
    return nullptr;
  }
  if (!*opened) return nullptr;
  auto rows = (*opened)->Rows(card);
  if (!rows) {
    notes->push_back("the calibration is not used: " + rows.error().message);
    return nullptr;
  }
  forecast::Calibration calibration{.origin = file->string(), .observations = {}};
  int64_t old = 0;
  for (const store::CalibrationRow& row : *rows) {
    if (row.version == VRAMCAST_VERSION) {
      calibration.observations.push_back(ObservationOf(row));
    } else {
      ++old;
    }
  }
  if (old > 0) {
    notes->push_back(fmt::format(
        "{} measurements were made beside the forecasts of another version and are not used; "
        "give their logs to --calibrate again",
        old));
  }
  if (calibration.observations.empty()) return nullptr;
  return std::make_shared<const forecast::Calibration>(std::move(calibration));
}

}  // namespace vramcast::cli
