#include "forecast/fit.h"

#include <algorithm>
#include <utility>

#include "forecast/alternatives.h"
#include "forecast/batch_sizes.h"
#include "forecast/resolve.h"

namespace vramcast::forecast {
namespace {

// Looks at every size from below until this many in a row do not fit: memory grows with the batch
// but for the step from several micro-batches to one, which keeps no gradients beside the pass.
constexpr int kMissesToStop = 2;

Candidate Describe(const Forecast& forecast) {
  return {.device_batch_size = forecast.device_batch_size,
          .grad_accum_steps = forecast.grad_accum_steps,
          .peak_allocated = forecast.peak_allocated,
          .peak_device = forecast.peak_device,
          .device_high = forecast.device_interval.high,
          .phase = forecast.peak_phase,
          .fits = forecast.fits.value_or(false)};
}

Request WithBatch(const Request& request, int64_t batch) {
  Request copy = request;
  copy.flags.device_batch_size = batch;
  return copy;
}

}  // namespace

Result<std::optional<int64_t>> LargestBatch(const Request& request) {
  const Result<Job> job = ResolveJob(WithBatch(request, 1));
  if (!job) return tl::make_unexpected(job.error());
  const std::vector<int64_t> sizes = AllowedBatchSizes(*job);
  const auto fits = [&](int64_t size) {
    const Result<Forecast> forecast = Make(WithBatch(request, size));
    return forecast && forecast->fits.value_or(false) && !forecast->refused;
  };
  // FindBatch climbs until two in a row fail; so the first failure is searched, and the size after
  // it tried.
  size_t low = 0, high = sizes.size();  // sizes below `low` fit, `high` does not
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (fits(sizes[middle])) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low + 1 < sizes.size() && fits(sizes[low + 1])) low += 2;
  if (low == 0) return std::optional<int64_t>();
  return std::optional<int64_t>(sizes[low - 1]);
}

Result<Fit> FindBatch(const Request& request) {
  if (!request.card && !request.total) {
    return UsageError("no GPU to fit: name one with --gpu");
  }
  const Result<Job> job = ResolveJob(WithBatch(request, 1));
  if (!job) return tl::make_unexpected(job.error());
  Fit fit;
  std::vector<int64_t> sizes = AllowedBatchSizes(*job);
  const bool obeys = !sizes.empty();
  if (!obeys) {
    fit.notes.push_back(
        "no device batch size obeys the rules: the total batch size is not a multiple of the "
        "sequence length times the number of GPUs");
    sizes = {1};
  }
  std::optional<Forecast> best, smallest;
  int misses = 0;
  for (const int64_t size : sizes) {
    Result<Forecast> forecast = Make(WithBatch(request, size));
    if (!forecast) {
      if (!smallest) return tl::make_unexpected(forecast.error());
      break;  // beyond what can be counted
    }
    fit.candidates.push_back(Describe(*forecast));
    const bool good = forecast->fits.value_or(false) && !forecast->refused && obeys;
    if (!smallest) smallest = *forecast;
    misses = good ? 0 : misses + 1;
    if (good) best = std::move(*forecast);
    if (misses >= kMissesToStop) break;
  }
  if (best) {
    fit.device_batch_size = best->device_batch_size;
    fit.forecast = std::move(*best);
  } else {
    fit.forecast = std::move(*smallest);
    if (fit.forecast.refused) {
      fit.notes.push_back("nanochat refuses this configuration whatever the batch size");
    }
    fit.alternatives = AlternativesTo(WithBatch(request, sizes.front()));
  }
  fit.total_batch_size = fit.forecast.total_batch_size;
  fit.grad_accum_steps = fit.forecast.grad_accum_steps;
  fit.flags = WithBatch(request, fit.forecast.device_batch_size).flags;
  return fit;
}

}  // namespace vramcast::forecast
