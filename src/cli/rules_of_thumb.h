// The rules of thumb that guides repeat, set beside a forecast: what each says and what is true.
#pragma once

#include "forecast/forecast.h"
#include "report/document.h"

namespace vramcast::cli {

void AddRulesOfThumb(const forecast::Forecast& forecast, Document* document);

}  // namespace vramcast::cli
