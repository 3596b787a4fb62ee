// What a run of nanochat has still ahead of it: the phases that it will enter, at which steps, and
// whether the memory that is really free will hold them. The forecast says what each phase adds;
// what the process holds now says how far the forecast is off.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "forecast/forecast.h"
#include "monitor/growth.h"
#include "trace/phase.h"

namespace vramcast::monitor {

enum class PhaseVerdict : uint8_t {
  kFits,      // even at the high end of the forecast
  kMayFail,   // it fits only if the forecast is too high
  kWillFail,  // not even at the low end
};
std::string_view VerdictName(PhaseVerdict verdict);  // "fits", "may_fail", "will_fail"

struct UpcomingPhase {
  Phase phase = Phase::kUnknown;
  std::optional<int64_t> step;  // of the training loop, at which it begins; nothing: not known
  bool at_end = false;          // after the last step
  PhaseVerdict verdict = PhaseVerdict::kFits;
  // On the device, by this process: what the phase needs, the cache shrunk where that helps.
  Bytes needs, needs_low, needs_high;
  Bytes room;      // what the card leaves to this process
  Bytes short_by;  // of the value that the verdict rests on; 0 where it fits
};

// What is known of the run on one GPU at this moment.
struct Standing {
  std::optional<int64_t> step;   // nothing: not known
  std::optional<int64_t> total;  // steps of the run, as it prints them; else as forecast
  Bytes capacity;                // of the card, for programs
  Bytes others;                  // held by other processes
  std::optional<Bytes> mine;     // held by this process
  Bytes peak;                    // of `mine` so far
  double growth_per_step = 0;    // bytes, where memory grows for good
  bool is_master = true;         // rank 0 samples and saves
};

class PhasesAhead {
 public:
  // Errors as forecast::Make's. `request` may name no card: the standing does.
  static Result<PhasesAhead> Make(const forecast::Request& request);
  PhasesAhead(PhasesAhead&&) noexcept;
  PhasesAhead& operator=(PhasesAhead&&) noexcept;
  ~PhasesAhead();

  // The next time of each kind of phase after this step, in the order of steps.
  std::vector<UpcomingPhase> Ahead(const Standing& standing) const;
  // How much more the process holds than the forecast expects by now (negative: less); nothing
  // before the first steps are done, or if it is not known what it holds.
  std::optional<Bytes> Correction(const Standing& standing) const;

  const forecast::Forecast& forecast() const;

 private:
  struct Impl;
  explicit PhasesAhead(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vramcast::monitor
