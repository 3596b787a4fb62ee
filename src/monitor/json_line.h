// A report as one line of JSON, written directly: a watch prints one every second, and building a
// document first would cost several times as much. What ToJson(report, "sample") says, said faster.
#pragma once

#include <string>

#include "monitor/watcher.h"

namespace vramcast::monitor {

// Replaces `line`; it ends in a line feed.
void WriteJsonLine(const Report& report, std::string* line);

}  // namespace vramcast::monitor
