// A report as Prometheus scrapes it: the text exposition format 0.0.4, names and units by its
// conventions. Labels are few on purpose: process ids would make a new series for every process
// that ever ran, so processes are counted and summed by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "monitor/watcher.h"

namespace vramcast::monitor {

// What is not known is not exposed: no series is better than a made-up zero.
std::string Exposition(const Report& report, int64_t samples, std::string_view version);

// The content type that goes with it.
inline constexpr std::string_view kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace vramcast::monitor
