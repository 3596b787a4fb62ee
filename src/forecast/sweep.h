// Many forecasts at once: depths, device batch sizes and cards. Each point is what Make says of it,
// found faster, since cards on which the same things happen share a trace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "forecast/forecast.h"
#include "forecast/job.h"
#include "forecast/staging.h"
#include "forecast/verdict.h"

namespace vramcast::forecast {

// As of a Forecast; bytes.
struct Point {
  int64_t depth = 0;
  int64_t device_batch_size = 0;
  std::string card;  // its name, which cards of several sizes may share
  Bytes capacity;    // what a CUDA program sees of it
  Phase peak_phase = Phase::kUnknown;
  Bytes peak_allocated;
  Bytes peak_reserved;
  Bytes peak_device;
  Interval interval;
  Interval device_interval;
  std::optional<bool> fits;  // as of a Forecast
  bool refused = false;      // nanochat itself would refuse these flags
};

class Sweep {
 public:
  // Depth, batch size and card of `base` are replaced.
  explicit Sweep(Request base) : request_(std::move(base)) {}

  // Fastest where the card changes most often. Usage errors as Make's.
  Result<Point> At(int64_t depth, int64_t device_batch_size, const gpu::Card& card);

 private:
  // What one kind of card makes of the current depth and batch size.
  struct Kind {
    std::optional<gpu::ComputeCapability> capability;
    std::optional<int> multiprocessors;
    bool any_size = false;  // their number decides nothing
    Job job;
    size_t recording = 0;  // index into recordings_
    Forecast measured;
  };
  // All that the card decides about the trace.
  struct Key {
    Job::CardTraits traits;
    Lingering lingering;
    bool operator==(const Key&) const = default;
  };
  Result<const Kind*> KindOf(const gpu::Card& card);
  Result<Forecast> Judged(const gpu::Card& card);  // without `dies_in`

  Request request_;
  std::vector<Kind> kinds_;
  struct Shared {
    Key key;
    Recording recording;
    Deaths deaths;
  };
  std::vector<Shared> recordings_;
};

}  // namespace vramcast::forecast
