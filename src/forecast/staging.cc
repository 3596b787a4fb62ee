#include "forecast/staging.h"

#include <algorithm>
#include <utility>

#include "nanochat/family.h"

namespace vramcast::forecast {
namespace {

// The watchdog's round (ProcessGroupNCCL.cpp, kWatchdogThreadSleepMillis).
constexpr double kRound = 0.1;
// Kernels that one layer launches in a forward and backward pass, and an optimizer step in all:
// counted in compiled graphs and in eager code.
constexpr double kCompiledLaunches = 52;
constexpr double kEagerLaunches = 150;
constexpr double kOptimizerLaunches = 200;
// Of the host for one launch, by the time stamps of traces of 8 to 20 layers on two busy cores.
constexpr double kSecondsALaunch = 66e-6;
// The step after the first was seen to let the first one's gathers through up to here: rounds.
constexpr double kFirstStepRounds = 1.7;
// Launches that the driver queues before the host has to wait for the GPU.
constexpr double kLaunchQueue = 1024;
// Where the GPU needs this long for a step the host, which may be no further ahead than that queue,
// has waited long enough for the watchdog: seconds.
constexpr double kBusyGpu = 1;

// Dense peak of one multiprocessor in FLOPs a second at boost clock: data sheets divided by the
// number of multiprocessors.
double PeakPerMultiprocessor(const Job& job) {
  if (job.fp32()) return 0.2e12;
  if (job.capability >= 100 && job.capability < 110) return 15e12;  // B200
  if (job.capability == 90) return 7.5e12;                          // H100
  if (job.capability == 80) return 2.9e12;                          // A100
  if (job.capability >= 80) return 1.8e12;                          // A40, RTX 30 to 50
  return 1.0e12;
}

// Of the GPU for one training step, from its FLOPs and half of the card's peak: good to a factor of
// two.
double GpuSeconds(const Job& job) {
  double products = 0;
  for (const nanochat::Parameter& parameter : job.shapes.parameters) {
    if (parameter.linear) products += static_cast<double>(parameter.elements());
  }
  const double attention = 12.0 * static_cast<double>(job.width()) *
                           static_cast<double>(job.seq()) / 2 *
                           static_cast<double>(job.config.model.n_layer);
  const double tokens =
      static_cast<double>(job.tokens()) * static_cast<double>(job.config.grad_accum_steps);
  return (6 * products + attention) * tokens /
         (PeakPerMultiprocessor(job) * job.multiprocessors / 2);
}

}  // namespace

double LaunchesOf(const Job& job) {
  const auto layers = static_cast<double>(job.config.model.n_layer);
  const auto passes = static_cast<double>(std::max<int64_t>(1, job.config.grad_accum_steps));
  const double layer = job.compiles() ? kCompiledLaunches : kEagerLaunches;
  return layer * layers * passes + kOptimizerLaunches;
}

Lingering WithinRound(const Job& job) {
  const double rounds = LaunchesOf(job) * kSecondsALaunch / kRound;
  if (rounds < 1) return Lingering::kAll;
  return rounds < kFirstStepRounds ? Lingering::kGathers : Lingering::kNone;
}

Lingering LingeringOf(const Job& job) {
  const nanochat::Family& family = job.family();
  // One matrix after the other takes longer than a round whatever the model.
  if (family.muon != nanochat::MuonStyle::kStacked) return Lingering::kNone;
  if (family.single_class) {
    return GpuSeconds(job) < kBusyGpu ? WithinRound(job) : Lingering::kNone;
  }
  if (family.adam != nanochat::AdamStyle::kMuonAdamW) return Lingering::kLastGather;
  // Real GPUs agree on the first MuonAdamW: 12 layers kept more than one set, 16 and 24 did not.
  return LaunchesOf(job) <= kLaunchQueue ? Lingering::kAll : Lingering::kNone;
}

bool Staging::Stays(Use use) const {
  switch (lingering_) {
    case Lingering::kNone:
      return false;
    case Lingering::kLastGather:
      return use == Use::kLastGather;
    case Lingering::kGathers:
      return use != Use::kReduce;
    case Lingering::kAll:
      return true;
  }
  return false;
}

void Staging::Free(std::vector<Entry>* entries, Writer* writer) {
  for (Entry& entry : *entries) writer->Free(entry.id);
  entries->clear();
}

void Staging::BeginStep(Writer* writer) {
  Free(&before_, writer);
  before_ = std::exchange(newest_, {});
  std::vector<Entry> kept;
  for (Entry& entry : before_) {
    if (Stays(entry.use)) {
      kept.push_back(entry);
    } else {
      writer->Free(entry.id);
    }
  }
  before_ = std::move(kept);
}

}  // namespace vramcast::forecast
