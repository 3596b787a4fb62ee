// The attempts of `run`: each with its command, how it ended, what was seen of its memory and what
// was changed after it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crashlog/event.h"
#include "diagnosis/diagnosis.h"
#include "forecast/forecast.h"
#include "supervise/child.h"
#include "supervise/records.h"

namespace vramcast::cli {

// Why an attempt ended.
enum class Outcome : uint8_t {
  kFinished,
  kInterrupted,  // somebody asked it to end
  kGpuMemory,
  kHostMemory,
  kFailed,  // of something else
};
std::string_view OutcomeName(Outcome outcome);  // "finished", "out_of_memory", …: JSON, history

// A launch that uses a GPU, and what it was forecast to need.
struct LaunchForecast {
  std::string program;  // "scripts.base_train"
  forecast::Forecast forecast;
};

struct Attempt {
  std::string command;  // as a person would type it
  std::string text;     // the command or script that was started
  // The same without the checkpoint to resume from: what changes are made in, and what counts as
  // one configuration.
  std::string base;
  bool waited = false;  // it was started once other processes had left the card
  std::vector<LaunchForecast> forecasts;

  double began = 0;  // seconds since 1970
  supervise::Ended ended;
  Outcome outcome = Outcome::kFinished;
  bool stalled = false;  // processes waited for one that had died, until they were ended
  std::optional<diagnosis::Cause> cause;  // of the diagnosis' first finding
  std::string summary;                    // what happened, one sentence; empty if it ended well
  std::optional<crashlog::OomEvent> death;
  crashlog::LogReport output;  // what it printed; a death that only the module saw is added
  std::optional<int64_t> last_step;
  std::string died_program;  // "base_train": the one that died, where that is known

  supervise::Records records;          // of the start-up module
  std::optional<Bytes> device_peak;    // as the driver tells it, on the fullest GPU
  std::optional<Bytes> printed_peak;   // as nanochat prints it: max_memory_allocated
  std::vector<std::string> snapshots;  // memory snapshots that it left

  bool changed_batch = false;        // the next attempt has another batch size
  std::vector<std::string> changes;  // what the next attempt does differently; empty: none follows
  double lost = 0;                   // seconds whose work is not in the next attempt

  double seconds() const { return static_cast<double>(ended.duration.count()) / 1000; }
};

// Sets outcome, summary, cause and death from what the attempt printed and left. `records` and
// `ended` must be there; `host_kills`: how many processes the kernel killed for want of host memory
// meanwhile.
void Judge(diagnosis::Log log, const diagnosis::Hints& hints, int64_t host_kills, Attempt* attempt);

}  // namespace vramcast::cli
