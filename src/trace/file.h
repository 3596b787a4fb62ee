// vramcast's own file of a recording: the same columns, written as differences and compressed.
// About a hundred times smaller than the snapshot it came from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "trace/recording.h"

namespace vramcast {

// What the uncompressed content begins with.
inline constexpr std::string_view kTraceMagic = "VRAMCAST TRACE 1\n";

// A zstd frame with the recording; without `trace.start`, which follows from the rest.
std::string WriteTraceFile(const Recording& recording);

// Reads the uncompressed content. Unreadable error, with the offset, for anything else.
Result<Recording> ReadTraceContent(std::span<const uint8_t> content);

}  // namespace vramcast
