// One HTML file that shows a recording without network: a timeline with zoom, the segments at any
// event, and what was allocated there.
#pragma once

#include <string>

#include "cli/recording_input.h"

namespace vramcast::cli {

std::string SnapshotPage(const LoadedRecording& loaded);

}  // namespace vramcast::cli
