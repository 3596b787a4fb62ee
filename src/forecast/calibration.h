// What runs on the user's own machines have shown of the part that a forecast cannot know: the
// remainder between what a run printed and its forecast, and the memory outside PyTorch that a
// crash report told. It never changes the model: the trace stays as it is.
//
// Rules (docs/calibration.md):
// - A run counts only if its peak lies within the interval of its own forecast: what lies outside
// is
//   not noise but another program, and is refused.
// - Runs compare only if GPU, family of revisions, stage and the phase of the peak are the same,
// and
//   the peak to be forecast is between half the smallest and twice the largest of theirs.
// - The shift is the median of their remainders, one for each configuration.
// - The interval narrows to the shift plus and minus the range of all remainders times
//   (n + 1) / (n - 1) for n configurations, and a floor; one configuration says nothing but of
//   itself. It never becomes wider than it was.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "forecast/forecast.h"
#include "forecast/job.h"

namespace vramcast::forecast {

enum class Measured : uint8_t {
  kAllocated,  // a peak that PyTorch counted: max_memory_allocated
  kOutside,    // of one process, outside PyTorch's allocator
};

struct Observation {
  Measured what = Measured::kAllocated;
  std::string gpu;     // the card's name in the catalogue
  std::string family;  // of revisions; kAllocated only, as the next two
  std::string stage;
  std::string phase;          // in which the forecast peaks
  int64_t ranks = 0;          // of the process group; 0: there is none
  std::string configuration;  // in words; the same for the same configuration only
  Bytes measured;
  Bytes forecast;  // kAllocated: the peak that was forecast
};

struct Calibration {
  std::string origin;  // the file, for `inputs`
  std::vector<Observation> observations;
};

// The configuration of a job in words that no other configuration shares.
std::string ConfigurationOf(const Job& job);
// An observation of a run with this request: the peak that it printed. Usage error: the request
// cannot be forecast, names no card, or the peak is outside the forecast's interval.
Result<Observation> ObserveAllocated(const Request& request, Bytes printed);
// Of a process of `ranks`, from a crash report. Usage error: not credible (below 16 MiB or above
// 4 GiB, which no CUDA context and NCCL take).
Result<Observation> ObserveOutside(const std::string& gpu, int64_t ranks, Bytes outside);

// Before the verdict: narrows the intervals of `forecast`, which is about `job`, and takes the
// measured memory outside PyTorch. Says what it did in `inputs`.
void Calibrate(const Job& job, const Request& request, Forecast* forecast);
// After the verdict: moves the peaks by the shift that Calibrate() found, as a term of its own, so
// that composition and terms still sum to the peak.
void ShiftPeaks(Forecast* forecast);

}  // namespace vramcast::forecast
