// The rows that the Builder fills while a snapshot is read, before it is known to which device each
// belongs.
#pragma once

#include <cstdint>
#include <vector>

#include "snapshot/known.h"
#include "trace/recording.h"

namespace vramcast::snapshot {

inline constexpr uint32_t kNothing = UINT32_MAX;

struct RawEvent {
  uint64_t address = 0;
  int64_t size = 0;
  int64_t time_us = 0;
  uint32_t stack = kNothing;
  StreamId stream = 0;
  uint8_t action = 0;  // Known, relative to kAlloc; kNoAction if unknown
  uint8_t seen = 0;    // SeenKey bits

  static constexpr uint8_t kNoAction = 255;
};
static_assert(sizeof(RawEvent) == 32);
enum SeenKey : uint8_t { kSeenAddress = 1, kSeenSize = 2, kSeenTime = 4, kSeenOdd = 8 };

struct RawBlock {
  uint64_t address = 0;
  int64_t size = -1;
  int64_t requested = 0;
  uint32_t stack = kNothing;
  uint32_t state = kNothing;    // string
  uint32_t history = kNothing;  // list (2.0)
  bool has_address = false;
};

struct RawSegment {
  uint64_t address = 0;
  int64_t size = -1;
  int64_t device = 0;
  uint64_t stream = 0;
  uint32_t stack = kNothing;
  uint32_t type = kNothing;    // string
  uint32_t blocks = kNothing;  // list
  uint16_t pool = 0;
  bool is_expandable = false;
};

struct RawAnnotation {
  int64_t device = 0;
  int64_t time_us = 0;
  uint32_t name = kNothing;
  bool is_end = false;
};

// A list as runs of row numbers: nearly always one run.
struct RawList {
  struct Run {
    uint32_t begin, count;
  };
  uint8_t element = 0;  // Tag of its elements
  std::vector<Run> runs;

  void Add(uint32_t row) {
    if (!runs.empty() && row != kNothing && runs.back().begin != kNothing &&
        runs.back().begin + runs.back().count == row) {
      ++runs.back().count;
    } else {
      runs.push_back({row, 1});
    }
  }
};

}  // namespace vramcast::snapshot
