// What both accuracy programs print of a run beside its error: other people's formulas on the same
// peaks, and what the peak was made of.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/formulas.h"
#include "forecast/forecast.h"
#include "trace/category.h"

namespace vramcast::bench {

struct Compared {
  std::string id;
  double measured = 0, forecast = 0;  // MiB
  Training training;
  std::map<std::string, double> composition;  // MiB, by category
};

inline std::map<std::string, double> CompositionOf(const forecast::Forecast& forecast) {
  std::map<std::string, double> sums;
  for (const auto& part : forecast.composition) {
    sums[std::string(CategoryName(part.category))] = part.bytes.mib();
  }
  return sums;
}

inline std::map<std::string, double> CompositionOf(const Composition& composition) {
  std::map<std::string, double> sums;
  for (size_t i = 0; i < kCategoryCount; ++i) {
    sums[std::string(CategoryName(static_cast<Category>(i)))] = composition.by_category[i].mib();
  }
  return sums;
}

inline double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double position = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

// How far each formula is from the same peaks; vramcast last.
inline void Compare(const std::string& title, const std::vector<Compared>& rows) {
  if (rows.empty()) return;
  constexpr double kMib = 1 << 20;
  fmt::print("\n{}, {} runs\n{:<22} {:>9} {:>9} {:>9} {:>9}  {}\n", title, rows.size(), "",
             "median", "mean", "most low", "most high", "within 8 %");
  const auto print = [&](std::string_view name, auto&& mib) {
    std::vector<double> absolute;
    double mean = 0, low = 0, high = 0;
    int within = 0;
    for (const Compared& row : rows) {
      const double error = (mib(row) / row.measured - 1) * 100;
      absolute.push_back(std::abs(error));
      mean += std::abs(error) / static_cast<double>(rows.size());
      low = std::min(low, error);
      high = std::max(high, error);
      within += std::abs(error) <= 8;
    }
    fmt::print("{:<22} {:>7.2f} % {:>7.2f} % {:>+7.1f} % {:>+7.1f} %  {}\n", name,
               Quantile(absolute, 0.5), mean, low, high, within);
  };
  for (const Formula& formula : kFormulas) {
    print(formula.name, [&](const Compared& row) { return formula.bytes(row.training) / kMib; });
  }
  print("vramcast", [](const Compared& row) { return row.forecast; });
}

// `path` holds what bench/composition_truth.py read off the traces.
inline void CompareComposition(const std::string& path, const std::vector<Compared>& rows) {
  constexpr const char* kNames[] = {"parameters", "gradients",     "optimizer", "activations",
                                    "logits",     "communication", "workspace", "other"};
  constexpr double kMib = 1 << 20;
  fmt::print("\ncomposition at the peak: forecast less truth, % of the peak\n{:<24}", "");
  for (const char* name : kNames) fmt::print(" {:>7.7}", name);
  double worst = 0;
  int within = 0, judged = 0;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json truth = nlohmann::json::parse(line, nullptr, false);
    if (truth.is_discarded()) continue;
    const std::string id = truth.value("id", "");
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const Compared& one) { return one.id == id; });
    if (row == rows.end()) continue;
    const double peak = truth.value("peak_bytes", 0.0) / kMib;
    const bool same = truth.value("same_run", true);
    fmt::print("\n{:<24}", row->id);
    double largest = 0;
    for (const char* name : kNames) {
      const double seen = truth["categories"].value(name, 0.0) / kMib;
      const auto found = row->composition.find(name);
      const double difference =
          ((found == row->composition.end() ? 0 : found->second) - seen) / peak * 100;
      fmt::print(" {:>+7.2f}", difference);
      largest = std::max(largest, std::abs(difference));
    }
    if (!same) {
      fmt::print("  (stored: a run with {:.0f} MiB)", peak);
      continue;
    }
    ++judged;
    within += largest <= 1;
    worst = std::max(worst, largest);
  }
  fmt::print("\nwithin 1 % of the peak in every category: {} of {}; largest difference {:.2f} %\n",
             within, judged, worst);
}

}  // namespace vramcast::bench
