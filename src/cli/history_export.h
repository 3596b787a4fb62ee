// Samples of the history as a file for other programs.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "store/history_reader.h"

namespace vramcast::cli {

// FILE.csv: a line a sample of a GPU, with a header; FILE.json: the runs and their samples in one
// object. Samples are written as they are read, so that memory stays small. The number of samples;
// usage error: neither ending.
Result<int64_t> ExportHistory(const store::HistoryReader& reader, const store::Query& query,
                              const std::string& file);

}  // namespace vramcast::cli
