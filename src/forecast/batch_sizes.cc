#include "forecast/batch_sizes.h"

#include <algorithm>

namespace vramcast::forecast {
namespace {

// Where no rule binds (evaluation), sizes that people use.
constexpr int64_t kLargestFree = 512;

std::vector<int64_t> Divisors(int64_t number) {
  std::vector<int64_t> low, high;
  for (int64_t d = 1; d <= number / d; ++d) {
    if (number % d != 0) continue;
    low.push_back(d);
    if (d != number / d) high.push_back(number / d);
  }
  low.insert(low.end(), high.rbegin(), high.rend());
  return low;
}

std::vector<int64_t> PowersOfTwo(int64_t largest) {
  std::vector<int64_t> powers;
  for (int64_t p = 1; p <= largest; p *= 2) powers.push_back(p);
  return powers;
}

}  // namespace

std::vector<int64_t> AllowedBatchSizes(const Job& job) {
  const nanochat::RunConfig& config = job.config;
  const int64_t world = *config.world_size;
  if (*config.total_batch_size > 0) {
    const int64_t row = *config.max_seq_len * world;
    if (*config.total_batch_size % row != 0) return {};
    return Divisors(*config.total_batch_size / row);
  }
  switch (config.stage) {
    case nanochat::Stage::kSft:
      if (*config.examples_per_step % world != 0) return {};
      return Divisors(std::max<int64_t>(1, *config.examples_per_step / world));
    case nanochat::Stage::kRl:
      return Divisors(std::max<int64_t>(1, *config.num_samples));
    case nanochat::Stage::kBase:
    case nanochat::Stage::kMid:
    case nanochat::Stage::kBaseEval:
    case nanochat::Stage::kChatEval:
      break;
  }
  return PowersOfTwo(kLargestFree);
}

}  // namespace vramcast::forecast
