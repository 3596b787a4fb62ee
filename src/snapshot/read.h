// Reads a memory snapshot of PyTorch, whatever it is packed in: pickle (protocols 2 to 5) or JSON,
// plain, in gzip, zstd or zip, or inside an HTML page of memory_viz. Nothing in it is executed.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "snapshot/pickle.h"
#include "trace/recording.h"

namespace vramcast::snapshot {

// "-" is standard input. Errors are kUnreadable, with the offset in the unpacked bytes.
Result<Recording> ReadSnapshot(const std::string& path, const ReadLimits& limits = {});
Result<Recording> ReadSnapshot(std::span<const uint8_t> bytes, const ReadLimits& limits = {});

}  // namespace vramcast::snapshot
