// A forecast for people: the verdict, where memory peaks, what it is made of.
#pragma once

#include <string>
#include <vector>

#include "forecast/forecast.h"
#include "report/document.h"

namespace vramcast::cli {

// "base training of depth 20, 8 x 2,048 tokens on each of 2 GPUs".
std::string TitleOf(const forecast::Forecast& forecast);
// "13.27 GiB".
std::string Gib(Bytes bytes);

void AddVerdict(const forecast::Forecast& forecast, const std::string& card, Document* document);
void AddForecast(const forecast::Forecast& forecast, Document* document);
void AddNotes(const std::vector<std::string>& notes, Document* document);
// Each term with its formula, each input with its origin, and why the interval is as wide as it is.
void AddExplanation(const forecast::Forecast& forecast, Document* document);

}  // namespace vramcast::cli
