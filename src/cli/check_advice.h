// What to run here: the checkout's revision, upstream's own training run at it, and the device
// batch size that fits the smallest GPU that programs see.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "forecast/fit.h"
#include "gpu/machine.h"
#include "nanochat/checkout.h"
#include "report/document.h"

namespace vramcast::cli {

struct CheckoutAdvice {
  std::optional<nanochat::Checkout> checkout;  // nothing: no nanochat here
  nanochat::Revision revision;                 // the checkout's; else the newest known

  // The rest only where the machine has a GPU of known size.
  std::optional<gpu::Capacity> smallest;
  int64_t gpus = 0;                  // that programs see
  std::optional<forecast::Fit> fit;  // with what is free now
  // With the leftovers ended; only where there are some and it makes a difference.
  std::optional<forecast::Fit> fit_without_leftovers;
  Bytes leftovers;      // held on that GPU
  std::string command;  // runs `fit`; empty if nothing fits
  std::string command_without_leftovers;
  bool drops_fp8 = false;  // upstream trains in fp8, which this GPU cannot
};

// `directory` empty: the working directory or above, where having no checkout is no error.
// `machine` null: there is none.
Result<CheckoutAdvice> Advise(const std::string& directory, const gpu::Machine* machine);

void AddText(const CheckoutAdvice& advice, bool explain, Document* document);
void AddJson(const CheckoutAdvice& advice, nlohmann::json* object);

}  // namespace vramcast::cli
