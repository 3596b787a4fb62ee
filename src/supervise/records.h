// What the start-up module wrote down in each process that used CUDA: the allocator's own numbers,
// where the program was when they rose, and each out-of-memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crashlog/event.h"
#include "trace/phase.h"

namespace vramcast::supervise {

// One place of the program (its main thread's stack) and what was seen while it was there.
struct PlaceRecord {
  std::vector<crashlog::Frame> frames;  // outermost first
  int64_t looks = 0;
  Bytes allocated;  // the most that was seen
  Bytes reserved;
};

// The peak of allocated memory rose between two looks.
struct RiseRecord {
  std::optional<size_t> before;  // places: of the look before and the look after
  size_t after = 0;
  Bytes to;
  int64_t calm = 0;  // looks before it without a rise
};

// PyTorch's allocator found no memory. The program may have gone on.
struct DeathRecord {
  double time = 0;  // seconds since 1970
  std::optional<int64_t> device;
  std::optional<Bytes> requested, total, free, allocated, reserved;
  std::vector<crashlog::Frame> frames;
};

struct ProcessRecord {
  int64_t pid = 0;
  int64_t rank = 0;
  int64_t world_size = 1;
  std::string program;            // sys.argv[0]
  double began = 0;               // of using CUDA; seconds since 1970
  double time = 0;                // of the last look
  std::optional<int64_t> device;  // with the most memory
  Bytes allocated, reserved;      // at the last look
  Bytes peak_allocated, peak_reserved;
  int64_t looks = 0;
  std::vector<PlaceRecord> places;
  std::vector<RiseRecord> rises;
  std::vector<DeathRecord> deaths;
};

// Unreadable error if it is no record.
Result<ProcessRecord> ParseRecord(std::string_view json);

struct Records {
  std::vector<ProcessRecord> processes;  // by rank, then id
  int64_t skipped = 0;                   // files that made no sense
};
// Of a module's folder; empty if there is none.
Records ReadRecords(const std::string& folder);

// The phase as far as it can be told from outside: the first training step is one like any other.
Phase SeenFromOutside(Phase phase);

struct PhaseMeasured {
  Phase phase = Phase::kUnknown;  // as seen from outside
  Bytes allocated;                // at least that much, on the rank with the most
  Bytes reserved;
};
// The highest that was seen in each phase, in the order of Phase's list. Phases come from the stack
// of the main thread, a few times a second: short ones may be missed. A new peak that was reached
// between two phases counts for the later if the earlier had shown all it needs by then.
std::vector<PhaseMeasured> MeasuredPhases(const Records& records);

}  // namespace vramcast::supervise
