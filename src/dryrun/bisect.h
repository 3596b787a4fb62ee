// Finds the largest device batch size that lives on a card by running the program itself.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "dryrun/session.h"

namespace vramcast::dryrun {

struct Trial {
  int64_t batch = 0;
  bool fits = false;
  Bytes peak_device;
};

// Runs one trial; an error ends the search.
using RunTrial = std::function<Result<Trial>(int64_t batch)>;

// Doubles or halves from `first` until the answer lies between one size and its double, then,
// unless `powers_only`, halves the gap. Never tries a size twice, nor one above `largest` (0: no
// limit). The trials in their order.
Result<std::vector<Trial>> Search(int64_t first, int64_t largest, bool powers_only,
                                  const RunTrial& run);

struct LargestBatch {
  int64_t batch = 0;          // 0: not even 1 lives
  std::string command;        // with that batch, otherwise as the user wrote it
  std::vector<Trial> trials;  // in the order in which they ran
};

// Begins at the batch that the command names, or at 8. nanochat's total batch must be a multiple of
// what all ranks take in a micro-step, so its sizes stay powers of two. kUsage when the command has
// no flag for a device batch size, kMachine when the program dies of something else.
Result<LargestBatch> FindLargestBatch(const Request& request,
                                      const std::function<void(std::string_view)>& progress);

}  // namespace vramcast::dryrun
