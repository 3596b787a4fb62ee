// A snapshot as the verbs want it: read, its initial state reconstructed, replayed against itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/attribution.h"
#include "analysis/proof.h"
#include "base/result.h"
#include "trace/recording.h"

namespace vramcast::cli {

struct LoadedRecording {
  std::string path;
  std::unique_ptr<Recording> recording;  // `attribution` refers to it
  AllocatorSettings settings;
  std::unique_ptr<Attribution> attribution;
  std::vector<Reconstruction> starts;  // by device
  std::vector<Proof> proofs;           // by device

  // What the program left allocated: as the snapshot's segments say, or as replayed without them.
  Bytes AllocatedAtEnd(size_t device) const;
};

// A recording that was read already; `path` names it.
LoadedRecording AnalyseRecording(const std::string& path, std::unique_ptr<Recording> recording,
                                 std::optional<TorchVersion> torch);

// `torch` overrides the version that the snapshot's shape shows.
Result<LoadedRecording> LoadRecording(const std::string& path, std::optional<TorchVersion> torch);

}  // namespace vramcast::cli
