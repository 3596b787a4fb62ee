#include "forecast/core_batch.h"

#include <cmath>

namespace vramcast::forecast {

CoreBatch LongestCoreBatch(int64_t vocabulary) {
  constexpr double kTokens = 8500;
  constexpr double kVocabulary = 65537;
  constexpr double kPower = 0.58;
  constexpr int64_t kChoices = 10;
  const double scale = std::pow(kVocabulary / static_cast<double>(vocabulary), kPower);
  return {kChoices, static_cast<int64_t>(kTokens * scale) / kChoices};
}

}  // namespace vramcast::forecast
