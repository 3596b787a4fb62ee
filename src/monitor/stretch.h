// A stretch of time in which a floor rises steadily: what tells a leak, which goes on, from a jump,
// a load that builds up, and maxima that become ever rarer.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "monitor/held.h"

namespace vramcast::monitor {

struct Stretch {
  double begin = 0, end = 0;
  std::vector<Rise> rises;  // within it, in order

  double length() const { return end - begin; }
  double sum() const;
  // As many equal rises would be as telling: the square of the sum over the sum of the squares.
  double effective() const;
  // The same for 24 equal parts of the time: many rises close together count as few.
  double spread() const;
  // The sum without what single times contribute far more than the usual: a jump, a short ramp.
  double typical_sum() const;
  // Where in the time the growth lies on average, 0 to 1: below a half, it slows down.
  double mean_time() const;
  // The growth within each of so many equal parts of the time.
  std::vector<double> SumsOfParts(size_t parts) const;
};

// The stretch up to `end` in which the rises come steadily enough for a process whose rises come by
// chance at a constant rate, and have not stopped: of those that begin at one rise or another, the
// one with most growth and least that steady growth does not explain. Nothing: there is none.
std::optional<Stretch> SteadyStretch(const std::vector<Rise>& rises, double begin, double end);

// Takes out the rises that are far above the usual one and far steeper: a new phase, not the
// growth.
std::vector<Rise> TakeJumps(std::vector<Rise>* rises, double begin);

}  // namespace vramcast::monitor
