// What a dry run found out, rank by rank.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "trace/phase.h"
#include "trace/recording.h"

namespace vramcast::dryrun {

struct PhasePeak {
  std::string name;  // trace/phase.h
  Bytes allocated;
  Bytes reserved;
};

struct OutOfMemory {
  std::string message;  // PyTorch's own
  std::string phase;
};

// From `time_us` (since the epoch) on, the program was in `phase`.
struct PhaseMark {
  int64_t time_us = 0;
  Phase phase = Phase::kUnknown;
};

struct RankResult {
  int rank = 0;
  Bytes peak_allocated;
  Bytes peak_reserved;
  Bytes peak_device;                              // with context and communicators
  std::vector<PhasePeak> phases;                  // in the order in which they began
  std::vector<Bytes> steps;                       // peak allocated within each optimizer step
  std::optional<OutOfMemory> oom;                 // the program died of it
  bool stable = false;                            // stopped because the peak no longer changed
  std::vector<std::string> unknown_entry_points;  // called, not implemented, and returning data
  std::vector<PhaseMark> marks;
  // Every allocation with its Python stack and phase, where recording was asked for and worked.
  std::unique_ptr<Recording> recording;
  std::vector<std::string> remarks;  // what was decided for the program, in sentences
  double seconds = 0;
  std::string torch;
  bool interrupted = false;  // vramcast was asked to stop: what is known until then
  int exit_code = 0;         // of the program; 128 + signal when it was killed
};

struct DryRun {
  std::string card;
  Bytes total;
  int world_size = 1;
  std::vector<RankResult> ranks;
  std::vector<std::string> notes;
};

// The report that the launcher's Python module writes. `context` is what the CUDA context takes.
// kInternal when it is not one.
Result<RankResult> ReadReport(std::string_view text, Bytes context);

// Says of each event in which phase it was; events before the first mark keep theirs.
void SetPhases(const std::vector<PhaseMark>& marks, Recording* recording);

}  // namespace vramcast::dryrun
