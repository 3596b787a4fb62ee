// `fit --table --batches …`: one forecast for each depth, batch size and card, as text, JSON or
// CSV.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/verb.h"
#include "forecast/forecast.h"
#include "gpu/card.h"

namespace vramcast::cli {

// "1,2,4", "4..40", "4..40:4" (every fourth), and lists of these: whole numbers from 1. A usage
// error names `flag`.
Result<std::vector<int64_t>> ParseNumbers(std::string_view text, std::string_view flag);

// "all", or names separated by commas.
Result<std::vector<gpu::Card>> ParseCards(std::string_view text);

enum class SweepForm : uint8_t { kText, kJson, kCsv };

struct SweepAxes {
  std::vector<int64_t> depths, batches;
  std::vector<gpu::Card> cards;
};
// Prints the points as they are found. Usage errors as forecast::Make's, before anything is
// printed of the point.
Result<Exit> PrintSweep(const forecast::Request& request, const SweepAxes& axes, SweepForm form,
                        Output& output);

}  // namespace vramcast::cli
