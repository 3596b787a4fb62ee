// A memory snapshot as a log: the deaths that it recorded, in the words of the crash log, so that
// `diagnose` treats both alike.
#pragma once

#include "cli/recording_input.h"
#include "diagnosis/log.h"

namespace vramcast::cli {

// One event for each device that ran out of memory while it was recorded, its first time. Sizes are
// what PyTorch's message would have printed.
diagnosis::Log LogOfRecording(const LoadedRecording& loaded);

}  // namespace vramcast::cli
