#include "forecast/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "forecast/resolve.h"
#include "nanochat/flags.h"

namespace vramcast::forecast {
namespace {

using namespace literals;

// What the caching allocator's own noise was seen to be: two runs of the same code on the same kind
// of machine print peaks that differ by a few MiB.
constexpr Bytes kNoise = 4_MiB;
constexpr Bytes kLeastOutside = 16_MiB;
constexpr Bytes kMostOutside = 4_GiB;
constexpr Bytes kOutsideNoise = 32_MiB;  // driver versions, kernels that were loaded

Bytes Median(std::vector<Bytes> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Ranks that share NCCL's buffers the same way: on one node, at most eight.
int64_t Peers(int64_t ranks) { return std::min<int64_t>(ranks, 8); }

Bytes Spread(const std::vector<Bytes>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return *high - *low;
}

// The next observation lies this far around n of them, whatever their distribution, about as often
// as it lies among n + 1: the range is widened by what one more could add.
Bytes Widened(Bytes spread, int64_t n) { return spread * (n + 1) / (n - 1); }

std::string Signed(Bytes bytes) {
  return bytes < Bytes(0) ? "-" + FormatBytes(-bytes) : "+" + FormatBytes(bytes);
}

// How far a calibration moves and narrows one forecast.
struct Correction {
  Bytes shift;   // of the peak allocated
  Bytes around;  // the shifted peak, to both sides
  Bytes spread;  // of the remainders that were measured
  int64_t runs = 0, configurations = 0;
};

struct Like {
  std::string gpu, family, stage, phase, configuration;
  Bytes peak;
};

// What the words leave out (when evaluation runs, and the like) shows in the forecast.
std::string Key(const std::string& configuration, Bytes forecast) {
  return fmt::format("{} @{}", configuration, forecast.count());
}

std::optional<Correction> CorrectionFor(const Calibration& calibration, const Like& like) {
  std::map<std::string, std::vector<Bytes>> by_configuration;
  std::vector<Bytes> remainders;
  Bytes smallest, largest;
  for (const Observation& seen : calibration.observations) {
    if (seen.what != Measured::kAllocated || seen.gpu != like.gpu || seen.family != like.family ||
        seen.stage != like.stage || seen.phase != like.phase) {
      continue;
    }
    smallest = remainders.empty() ? seen.forecast : std::min(smallest, seen.forecast);
    largest = std::max(largest, seen.forecast);
    by_configuration[Key(seen.configuration, seen.forecast)].push_back(seen.measured -
                                                                       seen.forecast);
    remainders.push_back(seen.measured - seen.forecast);
  }
  if (remainders.empty() || like.peak < smallest / 2 || like.peak > largest * 2) return {};
  Correction correction;
  correction.runs = static_cast<int64_t>(remainders.size());
  correction.configurations = static_cast<int64_t>(by_configuration.size());
  const Bytes floor = kNoise + like.peak / 2000;
  const auto same = by_configuration.find(Key(like.configuration, like.peak));
  if (same != by_configuration.end()) {  // this very configuration was measured
    correction.shift = Median(same->second);
    correction.spread = Spread(same->second);
    correction.runs = static_cast<int64_t>(same->second.size());
    correction.configurations = 1;
    correction.around = floor + 2 * correction.spread;
    return correction;
  }
  // Whether the remainder stays the same from one configuration to another, a single one cannot
  // say.
  if (by_configuration.size() < 2) return {};
  std::vector<Bytes> medians;
  for (const auto& [name, values] : by_configuration) medians.push_back(Median(values));
  correction.shift = Median(medians);
  correction.spread = Spread(remainders);
  correction.around = floor + Widened(correction.spread, correction.configurations);
  return correction;
}

// Returns by how much the peak moves: no further than the interval goes, since a remainder of other
// configurations may be too large for this one.
Bytes Narrow(const Correction& correction, Forecast* forecast) {
  const Bytes wanted = forecast->peak_allocated + correction.shift;
  Interval& interval = forecast->interval;
  const Bytes low = std::max(interval.low, wanted - correction.around);
  const Bytes high = std::min(interval.high, wanted + correction.around);
  const bool narrower = low > interval.low || high < interval.high;
  if (narrower && low <= high) {
    interval = {low, high};
    const Bytes moved = std::clamp(wanted, low, high);
    forecast->uncertainties = {
        {fmt::format("{} runs of {} configurations on this GPU lie {} apart", correction.runs,
                     correction.configurations, FormatBytes(correction.spread)),
         moved - low, high - moved}};
  }
  return std::clamp(wanted, interval.low, interval.high) - forecast->peak_allocated;
}

void TakeOutside(const Calibration& calibration, const std::string& gpu, int64_t ranks,
                 Forecast* forecast) {
  std::vector<Bytes> seen;
  for (const Observation& one : calibration.observations) {
    if (one.what == Measured::kOutside && one.gpu == gpu && Peers(one.ranks) == Peers(ranks)) {
      seen.push_back(one.measured);
    }
  }
  if (seen.empty()) return;
  const auto n = static_cast<int64_t>(seen.size());
  OutsideBytes measured{"outside PyTorch, measured", fmt::format("{} crash reports", n), Bytes(0),
                        Median(seen), Bytes(0)};
  const auto [low, high] = std::minmax_element(seen.begin(), seen.end());
  if (n == 1) {  // one value moves the middle and narrows nothing
    for (const OutsideBytes& term : forecast->outside) {
      measured.low += term.low;
      measured.high += term.high;
    }
    measured.low = std::min(measured.low, *low);
    measured.high = std::max(measured.high, *high);
  } else {
    const Bytes more = kOutsideNoise + (Widened(*high - *low, n) - (*high - *low)) / 2;
    measured.low = std::max(*low - more, Bytes(0));
    measured.high = *high + more;
  }
  Bytes usual;
  for (const OutsideBytes& term : forecast->outside) usual += term.usual;
  forecast->peak_device += measured.usual - usual;
  forecast->outside = {measured};
  forecast->inputs.push_back(
      {"calibration of memory outside PyTorch",
       fmt::format("{} from {} crash reports", FormatBytes(measured.usual), n),
       calibration.origin});
}

}  // namespace

std::string ConfigurationOf(const Job& job) {
  const nanochat::RunConfig& config = job.config;
  const nanochat::ModelDims& model = config.model;
  std::string text = fmt::format("{} of {}, depth {}, width {}, {} heads ({} of keys), ",
                                 nanochat::ScriptOf(config.stage), job.family().name, model.n_layer,
                                 model.n_embd, model.n_head, model.n_kv_head);
  text +=
      fmt::format("{} x {} tokens, {} in all, vocabulary {}, windows {}, ", job.batch(), job.seq(),
                  *config.total_batch_size, model.padded_vocab_size, *config.window_pattern);
  return text + fmt::format("{} bytes{}, {} ranks{}", job.act(), *config.fp8 ? " and fp8" : "",
                            job.world(), config.distributed() ? " in a group" : "");
}

Result<Observation> ObserveAllocated(const Request& request, Bytes printed) {
  if (!request.card) return UsageError("which GPU it ran on is not known; name it with --gpu");
  Request plain = request;
  plain.calibration = nullptr;  // remainders are those of the forecast as it is without
  const Result<Job> job = ResolveJob(plain);
  if (!job) return tl::make_unexpected(job.error());
  const Result<Forecast> forecast = Make(plain);
  if (!forecast) return tl::make_unexpected(forecast.error());
  if (printed < forecast->interval.low || printed > forecast->interval.high) {
    return UsageError(fmt::format(
        "it printed {}, and {} to {} is what that configuration takes: not the code or the "
        "configuration that was forecast",
        FormatBytes(printed), FormatBytes(forecast->interval.low),
        FormatBytes(forecast->interval.high)));
  }
  return Observation{.what = Measured::kAllocated,
                     .gpu = request.card->name,
                     .family = std::string(job->family().name),
                     .stage = std::string(nanochat::ScriptOf(job->config.stage)),
                     .phase = std::string(PhaseName(forecast->peak_phase)),
                     .ranks = job->config.distributed() ? job->world() : 0,
                     .configuration = ConfigurationOf(*job),
                     .measured = printed,
                     .forecast = forecast->peak_allocated};
}

Result<Observation> ObserveOutside(const std::string& gpu, int64_t ranks, Bytes outside) {
  if (outside < kLeastOutside || outside > kMostOutside) {
    return UsageError(fmt::format("{} outside PyTorch is not what a CUDA context and NCCL take",
                                  FormatBytes(outside)));
  }
  return Observation{.what = Measured::kOutside,
                     .gpu = gpu,
                     .family = {},
                     .stage = {},
                     .phase = {},
                     .ranks = ranks,
                     .configuration = {},
                     .measured = outside,
                     .forecast = {}};
}

void Calibrate(const Job& job, const Request& request, Forecast* forecast) {
  if (request.calibration == nullptr || !request.card || request.changes.any()) return;
  const Calibration& calibration = *request.calibration;
  TakeOutside(calibration, request.card->name, job.config.distributed() ? job.world() : 0,
              forecast);
  const auto correction =
      CorrectionFor(calibration, {.gpu = request.card->name,
                                  .family = std::string(job.family().name),
                                  .stage = std::string(nanochat::ScriptOf(job.config.stage)),
                                  .phase = std::string(PhaseName(forecast->peak_phase)),
                                  .configuration = ConfigurationOf(job),
                                  .peak = forecast->peak_allocated});
  if (!correction) return;
  forecast->shift = Narrow(*correction, forecast);
  forecast->peak_device += forecast->shift;
  forecast->inputs.push_back(
      {"calibration of the peak",
       fmt::format("{} from {} runs of {} configurations", Signed(forecast->shift),
                   correction->runs, correction->configurations),
       calibration.origin});
}

void ShiftPeaks(Forecast* forecast) {
  const Bytes shift = forecast->shift;
  if (shift == Bytes(0)) return;
  forecast->peak_allocated += shift;
  forecast->peak_reserved += shift;
  for (PhasePeak& phase : forecast->phases) {
    phase.allocated += shift;
    phase.reserved += shift;
  }
  for (CategoryBytes& part : forecast->composition) {
    if (part.category == Category::kOther) part.bytes += shift;
  }
  forecast->terms.push_back(
      {Category::kOther, "remainder measured on this machine", "calibration", shift});
}

}  // namespace vramcast::forecast
