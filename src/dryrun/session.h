// A dry run: one rank after another of the user's program, each on the counting device, in an
// environment that keeps what the program writes away from the user's files.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dryrun/device_text.h"
#include "dryrun/result.h"
#include "dryrun/start.h"

namespace vramcast::dryrun {

struct Request {
  std::vector<std::string> command;  // as a shell gave it
  gpu::Card card;
  Bytes other_processes = {};
  std::optional<int> world_size;  // empty: as the command says
  std::optional<int> rank;        // empty: 0
  bool all_ranks = false;
  bool keep = false;               // the program's checkpoints go where it wants them
  bool to_end = false;             // do not stop when the peak is stable
  std::string attention = "auto";  // whether Flash Attention 3 can be had: auto, fa3 or sdpa
  bool helpers = true;             // numbers read from the device are never zero (docs/dryrun.md)
  bool linger = true;              // collectives' buffers live as long as a real GPU lets them
  int stable_steps = 3;            // steps without a new peak after which the run stops …
  int least_steps = 4;             // … but not before so many
  std::string snapshot;            // where to write PyTorch's memory snapshot; empty: nowhere
  bool record = true;              // RankResult::recording
  bool quiet = false;              // no progress on standard error
  bool output_to_error = false;    // the program's output goes to standard error
};

// kUsage for a command that starts no Python, kMachine without a PyTorch with CUDA. A program that
// dies by itself is a result, with its exit code.
Result<DryRun> Execute(const Request& request,
                       const std::function<void(std::string_view)>& progress);

// nanochat's data in a new `folder`: a tokenizer of `vocabulary` tokens and shards of made-up text,
// by the Python that `command` would use (or the PATH's).
Status MakeSampleData(const std::string& folder, int vocabulary,
                      const std::vector<std::string>& command);

}  // namespace vramcast::dryrun
