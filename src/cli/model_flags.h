// The flags of `forecast --model`: a transformers model and how it is trained. They stand beside
// nanochat's; --dtype, --attention, --world-size, --gpu, --other-processes and --margin are shared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/forecast_export.h"
#include "cli/verb.h"

namespace vramcast::cli {

class FlagTable;

class ModelFlags {
 public:
  // After the flags of nanochat, whose values for the shared names are read too.
  void Declare(FlagTable& flags);

  // True if a model was named: then Run() answers instead of nanochat's forecast.
  bool given() const { return !model_.empty(); }
  // Usage error if a flag was given that means nothing without --model, with nanochat's own flag.
  Status CheckUnused() const;
  // Forecasts, writes the files that `to` names, and prints. Usage error for flags that no model's
  // training has.
  Result<Exit> Run(const ForecastExport& to, bool json, bool explain, Output& output) const;

 private:
  std::string Shared(const char* name, const char* otherwise) const;

  const FlagTable* flags_ = nullptr;
  std::string model_;
  std::string batch_size_, sequence_, optimizer_ = "adamw", parallel_ = "none", mask_ = "padded";
  std::string targets_, torch_;
  int64_t accumulation_ = 1;
  int64_t rank_ = 0;
  bool checkpointing_ = false;
  bool compile_ = false;
};

}  // namespace vramcast::cli
