#include "forecast/fit.h"

#include <algorithm>
#include <utility>

#include "forecast/alternatives.h"
#include "forecast/batch_sizes.h"
#include "forecast/outside.h"
#include "forecast/resolve.h"

namespace vramcast::forecast {
namespace {

// Looks at every size from below until this many in a row do not fit: memory grows with the batch
// but for the step from several micro-batches to one, which keeps no gradients beside the pass.
constexpr int kMissesToStop = 2;

// The largest single allocation of a run: the logits.
Bytes LargestAllocation(const Request& request) {
  const Result<Job> job = ResolveJob(request);
  return job ? Bytes(job->act() * job->tokens() * job->vocab()) : Bytes(0);
}

// What fits only because PyTorch gives cached memory back when an allocation fails lives at the
// limit: how blocks lie in memory changes from step to step, and what is left over must take the
// request that failed in one piece. Less than that is not recommended.
bool Recommendable(const Request& request, const Forecast& forecast) {
  if (!forecast.fits.value_or(false) || forecast.refused) return false;
  if (!forecast.cache_shrinks) return true;
  const Bytes over =
      *forecast.capacity - forecast.margin - forecast.interval.high - Sum(forecast.outside).high;
  return over >= LargestAllocation(request);
}

Candidate Describe(const Forecast& forecast, bool good) {
  return {.device_batch_size = forecast.device_batch_size,
          .grad_accum_steps = forecast.grad_accum_steps,
          .peak_allocated = forecast.peak_allocated,
          .peak_device = forecast.peak_device,
          .device_high = forecast.device_interval.high,
          .phase = forecast.peak_phase,
          .fits = good};
}

Request WithBatch(const Request& request, int64_t batch) {
  Request copy = request;
  copy.flags.device_batch_size = batch;
  // What is found becomes a command, which says how it is started.
  if (!copy.flags.launcher) {
    copy.flags.launcher = copy.flags.world_size.value_or(1) > 1 ? nanochat::Launcher::kTorchrun
                                                                : nanochat::Launcher::kPython;
  }
  return copy;
}

// With pieces that can be joined less is lost between them.
std::optional<Candidate> LargestJoined(const Request& request, const Job& job,
                                       const std::vector<int64_t>& sizes, int64_t without) {
  AllocatorSettings settings = SettingsOf(job);
  if (request.allocator || settings.expandable_segments) return {};
  settings.expandable_segments = true;
  std::optional<Candidate> largest;
  for (const int64_t size : sizes) {
    if (size <= without) continue;
    Request joined = WithBatch(request, size);
    joined.allocator = settings;
    const Result<Forecast> forecast = Make(joined);
    if (!forecast || !Recommendable(joined, *forecast)) break;
    largest = Describe(*forecast, true);
  }
  return largest;
}

}  // namespace

Result<std::optional<int64_t>> LargestBatch(const Request& request) {
  const Result<Job> job = ResolveJob(WithBatch(request, 1));
  if (!job) return tl::make_unexpected(job.error());
  const std::vector<int64_t> sizes = AllowedBatchSizes(*job);
  const auto fits = [&](int64_t size) {
    const Result<Forecast> forecast = Make(WithBatch(request, size));
    return forecast && Recommendable(WithBatch(request, size), *forecast);
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
  fit.allowed = sizes;
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
    const bool lives = Recommendable(WithBatch(request, size), *forecast);
    fit.candidates.push_back(Describe(*forecast, lives));
    const bool good = lives && obeys;
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
  if (obeys) {
    fit.with_expandable_segments =
        LargestJoined(request, *job, sizes, fit.device_batch_size.value_or(0));
  }
  fit.total_batch_size = fit.forecast.total_batch_size;
  fit.grad_accum_steps = fit.forecast.grad_accum_steps;
  fit.flags = WithBatch(request, fit.forecast.device_batch_size).flags;
  return fit;
}

}  // namespace vramcast::forecast
