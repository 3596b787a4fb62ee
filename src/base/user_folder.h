// Where vramcast keeps things between runs: the folders that a user's desktop and shell agree on.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace vramcast {

// What may be made again: $VRAMCAST_CACHE_DIR, else $XDG_CACHE_HOME/vramcast, else
// ~/.cache/vramcast. kMachine when none is known. The folder need not exist.
Result<std::filesystem::path> CacheFolder();

// What cannot be made again (history, calibration): $VRAMCAST_DATA_DIR, else
// $XDG_DATA_HOME/vramcast, else ~/.local/share/vramcast. kMachine as above.
Result<std::filesystem::path> DataFolder();

}  // namespace vramcast
