// JSON dumps of a snapshot: the same dictionaries, so the same rows.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "snapshot/builder.h"
#include "snapshot/pickle.h"
#include "snapshot/source.h"

namespace vramcast::snapshot {

bool LooksLikeJson(std::span<const uint8_t> head);
Result<Value> ReadJson(Source& source, Builder& builder, const ReadLimits& limits);

}  // namespace vramcast::snapshot
