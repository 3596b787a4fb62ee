// A forecast's trace written to files, so that viewers of snapshots and vramcast's other verbs can
// look at it as if the run had been recorded.
#pragma once

#include <string>

#include "base/result.h"
#include "forecast/forecast.h"
#include "gpu/card.h"

namespace vramcast::cli {

class FlagTable;

class ForecastExport {
 public:
  void Declare(FlagTable& flags);
  bool wanted() const { return !trace_.empty() || !snapshot_.empty(); }
  // The run as on an endless device; `what` is played once more for it.
  Status Write(Result<forecast::Recording> what) const;

 private:
  std::string trace_, snapshot_;
};

}  // namespace vramcast::cli
