// What the history holds: runs, the GPUs and processes seen during them, and samples. Plain rows:
// the rooms that take samples have their own types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace vramcast::store {

struct ProcessPoint {
  int64_t pid = 0;
  std::optional<std::string> name;
  std::optional<Bytes> used;
};

struct GpuPoint {
  std::string uuid;  // the same GPU in every sample
  std::string name;
  int index = 0;
  Bytes used;
  std::optional<Bytes> capacity;
  std::optional<int> utilisation;  // percent
  std::optional<int> temperature;  // degrees Celsius
  // By PyTorch's allocators in the processes that tell it, together.
  std::optional<Bytes> allocated, reserved;
  std::vector<ProcessPoint> processes;
};

// All GPUs at one moment.
struct SampleRow {
  double time = 0;              // seconds since 1970, UTC
  std::optional<int64_t> step;  // of the training loop
  std::vector<GpuPoint> gpus;
};

enum class RunKind : uint8_t {
  kWatch,  // somebody watched; what ran is not known
  kRun,    // a command that was started
};

struct RunStart {
  RunKind kind = RunKind::kWatch;
  std::string command;  // as the user would type it; kept up to 16 KiB
  double began = 0;     // seconds since 1970
  int64_t attempt = 1;  // of a command that is corrected and started again
};

struct RunEnd {
  double ended = 0;  // seconds since 1970
  std::optional<int64_t> exit_code;
  std::string outcome;  // one word: "finished", "out_of_memory", "failed", "interrupted"
  // As the program itself or the start-up module in it said.
  std::optional<Bytes> peak_allocated, peak_reserved;
};

// What is kept of one process on one GPU.
struct ProcessRow {
  int64_t pid = 0;
  std::optional<std::string> name;
  double first_time = 0, last_time = 0;
  std::optional<Bytes> last_used, peak;
};

// What is kept of one GPU in one run, also when its samples are gone.
struct GpuRow {
  int64_t id = 0;
  std::string uuid, name;
  int index = 0;
  std::optional<Bytes> capacity;
  int64_t samples = 0;  // ever taken
  double first_time = 0, last_time = 0;
  std::optional<int64_t> first_step, last_step;
  Bytes first_used, last_used, peak;
  double peak_time = 0;
  std::vector<ProcessRow> processes;  // largest peak first
};

struct RunRow {
  int64_t id = 0;
  RunStart start;
  std::string host;
  double last_seen = 0;       // the newest sample, or the beginning
  std::optional<RunEnd> end;  // nothing: it goes on, or its end was not seen (kill -9)
  std::vector<GpuRow> gpus;   // by index
};

// One sample of one GPU, as queries return it.
struct Point {
  int64_t run = 0;
  int64_t gpu = 0;  // GpuRow::id
  int index = 0;    // GpuRow::index
  double time = 0;
  Bytes used;
  std::optional<int64_t> step;
  std::optional<int> utilisation, temperature;
  std::optional<Bytes> allocated, reserved;
};

}  // namespace vramcast::store
