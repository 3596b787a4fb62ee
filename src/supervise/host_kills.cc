#include "supervise/host_kills.h"

#include <fstream>
#include <string_view>

#include "base/text.h"

namespace vramcast::supervise {
namespace {

// "oom_kill 3" among the lines of a file.
std::optional<int64_t> Counter(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t blank = line.find(' ');
    if (blank == std::string::npos || std::string_view(line).substr(0, blank) != name) continue;
    return ParseInt(Trim(std::string_view(line).substr(blank)));
  }
  return std::nullopt;
}

// The folder of this process's control group, version 2: "0::/user.slice/x" in /proc/self/cgroup.
std::string ControlGroup(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return root + "/sys/fs/cgroup" + line.substr(3);
  }
  return root + "/sys/fs/cgroup";
}

}  // namespace

std::optional<int64_t> HostKills(const std::string& root) {
  const auto machine = Counter(root + "/proc/vmstat", "oom_kill");
  const auto group = Counter(ControlGroup(root) + "/memory.events", "oom_kill");
  if (!machine && !group) return std::nullopt;
  return machine.value_or(0) + group.value_or(0);
}

}  // namespace vramcast::supervise
