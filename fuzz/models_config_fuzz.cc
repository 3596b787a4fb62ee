// Any bytes as a config.json: an error, or a model whose small training can be forecast.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "models/config.h"
#include "models/model_forecast.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto config = vramcast::models::ReadConfig(text);
  if (!config) return 0;
  vramcast::models::ModelRequest request;
  request.config = std::move(*config);
  request.options.sequence_lengths = {1};
  if (request.config.layers > 64) request.config.layers = 64;  // time, not memory
  const auto forecast = vramcast::models::Make(request);
  if (forecast && forecast->peak_allocated <= vramcast::Bytes(0)) __builtin_trap();
  return 0;
}
