#include "monitor/outlook.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace vramcast::monitor {
namespace {

constexpr double kSigmas = 2.3;
constexpr double kModelError = 0.1;  // growth is never exactly steady

// The variance of the growth in a time over its mean, in bytes: of growth by chance, this is how
// large single rises are. Seen in equal parts of the stretch.
double Dispersion(const Stretch& stretch) {
  const auto parts = static_cast<size_t>(std::clamp(stretch.effective() / 2, 4.0, 12.0));
  const std::vector<double> sums = stretch.SumsOfParts(parts);
  const double mean = stretch.sum() / static_cast<double>(parts);
  double squares = 0;
  for (const double sum : sums) squares += (sum - mean) * (sum - mean);
  return squares / static_cast<double>(parts - 1) / mean;
}

}  // namespace

Outlook LookAhead(const Stretch& stretch, std::optional<double> room) {
  const double grown = stretch.sum();
  const double rate = grown / stretch.length();
  const double rise = grown / static_cast<double>(stretch.rises.size());
  const double dispersion = std::max(Dispersion(stretch), 0.1 * rise);
  const double seen = kSigmas * std::sqrt(dispersion / grown) + kModelError;
  Outlook outlook{.bytes_per_second = {.value = rate,
                                       .low = rate * std::max(0.0, 1 - seen),
                                       .high = rate * (1 + seen)},
                  .seconds_left = {}};
  if (!room) return outlook;
  // What is still to come varies as well, and ends within one rise.
  const double left = std::max(*room, rise);
  const double off =
      kSigmas * std::sqrt(dispersion / grown + dispersion / left) + kModelError + rise / left;
  const double infinite = std::numeric_limits<double>::infinity();
  outlook.seconds_left = Interval{.value = *room / rate,
                                  .low = *room / rate / (1 + off),
                                  .high = off < 0.9 ? left / rate / (1 - off) : infinite};
  return outlook;
}

}  // namespace vramcast::monitor
