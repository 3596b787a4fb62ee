// Made-up series of used GPU memory, some with a leak and some without, for judging the growth
// detector. One seed makes the same series everywhere.
//
// With a leak. It goes on until memory runs out:
//   slow leak        0.5 MiB a step, in segments of 2 MiB
//   any rate         a leak whose rate fills the room in 300 to 20,000 samples; no segments, as the
//                    allocator's own count of allocated memory shows it
//   staircase 2/20   the same in segments of 2 or 20 MiB, at regular times
//   random stairs    segments that come by chance, a Poisson process
//   evaluation leak  15 to 100 evaluations, each of which leaves the same behind
//   drifting rate    the rate falls to 0.7 or rises to 1.5 times by the end
//   plateaus first   the leak eats cached blocks before the allocator asks for more: it works for
//                    longer than it shows
//   with records     beside the leak, the longest sequence so far takes more and more (see below)
//   after restart    a process ends and a new one leaks
//   beside another   another process comes and goes beside the one that leaks
//   quick leak       any of these that fills the room in 60 to 300 samples. Until most of it is
//   gone
//                    nothing tells it from a load that builds up: counted apart
//
// Without a leak:
//   steady           nothing but what every run may have
//   jumps            one to four new shapes, each of which stays
//   evaluations      two or three kinds of them with their own periods and heights
//   load ramp        memory builds up evenly in 10 to 200 samples, by 2 to 35 % of the room
//   saturating ramp  it builds up ever more slowly, time constant 5 to 400 samples
//   two ramps        a second ramp of either kind later on
//   other process    another program comes and goes
//   other builds up  another program's load ramp; it may leave later
//   bounded records  the longest sequence seen so far rules: ever rarer, ever smaller rises
//   log records      the same for lengths without a bound: the maximum rises with the logarithm
//   curriculum       three to six stages of longer sequences
//   restarts         the process ends and starts again, one to four times
//   late garbage     rises for 200 to 1500 samples by up to 15 % of the room, then is collected
//   drift            programs on the desktop that take and give back
//
// What every run may have, each by chance: jitter, saw-teeth of 3 to 80 samples (equal or of
// varying height), evaluations that come back or stay, a start-up ramp of 1 to 60 samples, rare
// visits of another process, records of sequence lengths. How it is sampled: every step or every
// 2nd to 10th, evenly or not, with samples missing, with gaps in which the program goes on or
// stands still.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace growth_bench {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  double Between(double low, double high) {
    return low + (high - low) * (static_cast<double>(random_() >> 11) * 0x1p-53);
  }
  double Scaled(double low, double high);  // evenly over orders of magnitude
  int Whole(int low, int high);            // both included
  bool Chance(double probability) { return Between(0, 1) < probability; }
  double Normal();
  int Poisson(double mean);

 private:
  std::mt19937_64 random_;
};

inline constexpr const char* kQuickLeak = "quick leak";

struct Point {
  double time = 0;    // seconds
  double used = 0;    // bytes
  double leaked = 0;  // bytes of it
};

struct Series {
  std::string kind;
  bool leaks = false;
  double capacity = 0;
  std::vector<Point> points;  // of a leak: the last one is where memory ran out

  // Of a leak: the first point at which this part of all that leaks is gone.
  size_t Gone(double part) const;
};

Series MakeLeak(Dice* dice);
Series MakeOther(Dice* dice);

}  // namespace growth_bench
