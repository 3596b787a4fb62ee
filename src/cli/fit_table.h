// `fit --table`: the largest device batch size for each depth and size of card.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "forecast/fit.h"
#include "gpu/card.h"
#include "report/document.h"

namespace vramcast::cli {

struct FitTable {
  std::vector<int64_t> depths;
  std::vector<std::string> cards;  // by name, or as they are sold: "24GB"
  // By depth, then card; nothing: not even 1 fits.
  std::vector<std::vector<std::optional<int64_t>>> batches;
};

// Where a list is empty: the depth of the request, else 12 to 32; cards of 8 to 141 GB.
Result<FitTable> MakeFitTable(const forecast::Request& request, std::vector<int64_t> depths,
                              const std::vector<gpu::Card>& cards);
void AddTable(const FitTable& table, Document* document);
nlohmann::json ToJson(const FitTable& table);

}  // namespace vramcast::cli
