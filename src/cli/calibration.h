// The user's calibration between the store, which keeps it, and the forecast, which uses it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "forecast/calibration.h"
#include "store/calibration.h"

namespace vramcast::cli {

store::CalibrationRow RowOf(const forecast::Observation& seen, const std::string& source);
forecast::Observation ObservationOf(const store::CalibrationRow& row);

// What was measured on this card; null where nothing was. Without a file it costs one look at the
// file system. What is damaged or was made by another version (whose forecasts differ) is passed
// over with a note: a forecast never fails for it.
std::shared_ptr<const forecast::Calibration> LoadCalibration(const std::string& card,
                                                             std::vector<std::string>* notes);

}  // namespace vramcast::cli
