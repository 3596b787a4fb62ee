// How many processes the kernel has killed for want of host memory: such a death leaves no word in
// a log, only SIGKILL and this counter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vramcast::supervise {

// Of this machine and of this process's control group, added up; nothing if neither can be read.
// `root` stands before /proc and /sys; empty but for tests.
std::optional<int64_t> HostKills(const std::string& root = {});

}  // namespace vramcast::supervise
