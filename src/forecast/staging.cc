#include "forecast/staging.h"

#include <utility>

#include "nanochat/family.h"

namespace vramcast::forecast {
namespace {

// Steps below the first are over while the watchdog sleeps; below the second it may miss the last
// work. Between the two, dry runs show the gathers alone held on.
constexpr double kShortStep = 0.3;
constexpr double kLongStep = 0.5;

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

}  // namespace

double StepSeconds(const Job& job) {
  double products = 0;
  for (const nanochat::Parameter& parameter : job.shapes.parameters) {
    if (parameter.linear) products += static_cast<double>(parameter.elements());
  }
  const double attention = 12.0 * static_cast<double>(job.width()) *
                           static_cast<double>(job.seq()) / 2 *
                           static_cast<double>(job.config.model.n_layer);
  const double tokens =
      static_cast<double>(job.tokens()) * static_cast<double>(job.config.grad_accum_steps);
  const double flops = (6 * products + attention) * tokens;
  return flops / (PeakPerMultiprocessor(job) * job.multiprocessors / 2);
}

Lingering LingeringOf(const Job& job) {
  // Before the single optimizer class only one set was ever seen, on real GPUs too.
  if (!job.family().single_class) return Lingering::kNone;
  const double seconds = StepSeconds(job);
  if (seconds < kShortStep) return Lingering::kAll;
  return seconds < kLongStep ? Lingering::kGathers : Lingering::kNone;
}

void Staging::Free(std::vector<Entry>* entries, Writer* writer) {
  for (Entry& entry : *entries) writer->Free(entry.id);
  entries->clear();
}

void Staging::BeginStep(Writer* writer) {
  Free(&before_, writer);
  before_ = std::exchange(newest_, {});
  if (lingering_ == Lingering::kAll) return;
  std::vector<Entry> kept;
  for (Entry& entry : before_) {
    if (lingering_ == Lingering::kGathers && entry.use == Use::kGather) {
      kept.push_back(entry);
    } else {
      writer->Free(entry.id);
    }
  }
  before_ = std::move(kept);
}

void Staging::Release(Writer* writer) {
  Free(&before_, writer);
  Free(&newest_, writer);
}

}  // namespace vramcast::forecast
