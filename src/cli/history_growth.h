// What the stored samples of a run say about growth, by the same detector that watched it.
#pragma once

#include <map>

#include "base/result.h"
#include "monitor/growth.h"
#include "store/history_reader.h"

namespace vramcast::cli {

// By GpuRow::id; GPUs whose samples are gone are left out.
Result<std::map<int64_t, monitor::Growth>> GrowthOf(const store::HistoryReader& reader,
                                                    const store::RunRow& run);

// "+2.00 MiB per minute", "steady", "a jump of 5.86 GiB", "too short to tell".
std::string GrowthWords(const monitor::Growth& growth);

}  // namespace vramcast::cli
