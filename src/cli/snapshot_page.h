// One HTML file that shows a recording without network: a timeline with zoom, the segments at any
// event, and what was allocated there.
#pragma once

#include <string>
#include <vector>

#include "cli/snapshot_view.h"

namespace vramcast::cli {

std::string SnapshotPage(const LoadedRecording& loaded, const std::vector<DeviceView>& views);

}  // namespace vramcast::cli
