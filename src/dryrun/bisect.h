// Finds the largest device batch size that lives on a card by running the program itself.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
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
  Bytes peak_allocated;  // of the rank that needs most
  Bytes peak_device;
  bool interrupted = false;  // somebody asked it to stop: it says nothing, and ends the search
};

// Runs one trial; an error ends the search.
using RunTrial = std::function<Result<Trial>(int64_t batch)>;

// The largest of `sizes` (ascending; empty: every whole number from 1 on) that lives. Begins at the
// largest one that is not above `first`, goes up or down in growing strides until one lives and one
// dies, then halves the gap. Never tries a size twice. The trials in their order; one that was
// interrupted is the last.
Result<std::vector<Trial>> Search(std::span<const int64_t> sizes, int64_t first,
                                  const RunTrial& run);

struct LargestBatch {
  int64_t batch = 0;          // 0: not even 1 lives
  std::string command;        // with that batch, otherwise as the user wrote it
  std::vector<Trial> trials;  // in the order in which they ran, those that came to an end
  bool interrupted = false;   // asked to stop before it was certain: `batch` may not be the largest
};

struct BatchSearch {
  std::vector<int64_t> sizes;       // that the program accepts, ascending; empty: any
  std::vector<std::string> append;  // arguments for the trials alone, not for the command
};

// Begins at the batch that the command names, or at 8. kUsage when the command has no flag for a
// device batch size, kMachine when the program dies of something else than memory.
Result<LargestBatch> FindLargestBatch(const Request& request, const BatchSearch& search,
                                      const std::function<void(std::string_view)>& progress);

}  // namespace vramcast::dryrun
