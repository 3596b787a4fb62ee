// What was allocated at one moment of a recording, grouped as the reader likes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/attribution.h"
#include "analysis/proof.h"
#include "trace/recording.h"

namespace vramcast {

struct LiveBlock {
  AllocationId allocation;
  Bytes size;  // of its block
  StackId stack;
  StreamId stream = 0;
  uint32_t event = kStartOfTrace;  // that allocated it
  uint64_t address = 0;
};

// The blocks that were allocated after event `last` (kStartOfTrace: before the first).
std::vector<LiveBlock> LiveAt(const DeviceRecording& device, const std::vector<uint32_t>& units,
                              uint32_t last);

// It was there when the recording began and no stack of it is known: what it is cannot be told.
bool IsFromBefore(const LiveBlock& block, const Attribution& attribution);
// What made a block, and of what kind it is, as far as its stack tells.
std::string LineOf(const LiveBlock& block, const Attribution& attribution);
Category KindOf(const LiveBlock& block, const Attribution& attribution);

enum class Grouping : uint8_t { kCategory, kLine, kOperator, kStack, kStream, kSegment };
std::optional<Grouping> GroupingFromName(std::string_view name);

struct Share {
  std::string name;
  Bytes bytes;
  uint32_t blocks = 0;
  Category category = Category::kOther;  // of the largest block in it
  StackId stack;                         // of the largest block in it
  Bytes largest;
  std::string code;  // the text of its line, where somebody looked it up
};
// Largest first.
std::vector<Share> GroupBlocks(const std::vector<LiveBlock>& blocks, const DeviceRecording& device,
                               const Attribution& attribution, Grouping grouping);

// The same names on two sides, by how much they differ.
struct Difference {
  std::string name;
  Bytes before, after;
};
std::vector<Difference> Compare(const std::vector<Share>& before, const std::vector<Share>& after);

}  // namespace vramcast
