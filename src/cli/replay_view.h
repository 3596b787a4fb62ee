// What `vramcast replay` found, for its two forms of output.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "analysis/scale.h"
#include "cli/recording_input.h"
#include "cli/replay_search.h"
#include "report/document.h"

namespace vramcast::cli {

// The other recording predicted from this one, beside what it shows.
struct ScaleCheck {
  Peak predicted;
  Peak recorded;
};

struct DeviceRun {
  Run run;
  bool relaid = false;
  std::optional<ScaledProgram> scaled;  // its trace is moved away
  std::optional<ScaleCheck> check;
  std::vector<Candidate> candidates;
};

struct ReplayView {
  std::string file;
  std::string card;      // the name of --gpu
  std::string asked;     // the flags that made the what-if, " --total 9GiB …", for a next command
  bool what_if = false;  // false: only the recording itself was played
  bool explain = false;
  std::optional<double> scale;
  bool search = false;
  AllocatorSettings settings;
  DeviceSpec spec;
  std::vector<DeviceRun> runs;  // by device
};

Document ReplayDocument(const LoadedRecording& loaded, const ReplayView& view);
nlohmann::json ReplayJson(const LoadedRecording& loaded, const ReplayView& view);

}  // namespace vramcast::cli
