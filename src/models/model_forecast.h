// The forecast for a transformers model: its training written as a trace, played on the allocator,
// and given in the same terms as any other forecast.
#pragma once

#include <optional>
#include <string>

#include "allocator/settings.h"
#include "base/bytes.h"
#include "base/result.h"
#include "forecast/forecast.h"
#include "gpu/card.h"
#include "models/config.h"
#include "models/options.h"

namespace vramcast::models {

struct ModelRequest {
  ModelConfig config;
  std::string origin;  // of the configuration, for `inputs`: a path, "built in"
  TrainingOptions options;
  AllocatorSettings allocator;       // the defaults of PyTorch, unless asked otherwise
  std::optional<gpu::Card> card;     // nothing: an H100 is assumed, capacity unknown
  Bytes other_processes = Bytes(0);  // what others hold on the card
  std::optional<Bytes> margin;
};

// Usage error for options that no run has (a batch of 0, a rank without targets, more positions
// than a gpt2 has), or a shape beyond what any machine holds.
Result<forecast::Forecast> Make(const ModelRequest& request);

// What it was played from.
Result<forecast::Recording> Record(const ModelRequest& request);

}  // namespace vramcast::models
