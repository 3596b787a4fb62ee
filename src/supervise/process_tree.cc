#include "supervise/process_tree.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "base/text.h"

namespace vramcast::supervise {
namespace {

struct Parentage {
  pid_t parent = 0;
  bool zombie = false;
};

// Fields 3 and 4 of /proc/PID/stat (proc(5)). The name in field 2 may hold blanks and brackets, so
// reading starts behind its last bracket.
bool ReadStat(const std::string& pid, Parentage* result) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text;
  std::getline(file, text, '\0');
  const size_t bracket = text.rfind(')');
  if (bracket == std::string::npos || bracket + 4 >= text.size()) return false;
  result->zombie = text[bracket + 2] == 'Z' || text[bracket + 2] == 'X';
  result->parent = static_cast<pid_t>(std::strtol(text.c_str() + bracket + 4, nullptr, 10));
  return true;
}

void Reap() {
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

}  // namespace

std::vector<pid_t> Descendants(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  std::set<pid_t> zombies;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    const auto pid = ParseInt(name);
    Parentage parentage;
    if (!pid || !ReadStat(name, &parentage)) continue;
    children.emplace(parentage.parent, static_cast<pid_t>(*pid));
    if (parentage.zombie) zombies.insert(static_cast<pid_t>(*pid));
  }
  std::vector<pid_t> found;
  std::vector<pid_t> open = {root};
  for (size_t i = 0; i < open.size(); ++i) {
    const auto [begin, end] = children.equal_range(open[i]);
    for (auto it = begin; it != end; ++it) {
      open.push_back(it->second);
      if (!zombies.contains(it->second)) found.push_back(it->second);
    }
  }
  return found;
}

bool IsDescendant(pid_t pid, pid_t root) {
  constexpr int kDeepest = 1000;  // a parent may end meanwhile, and its id be used again
  Parentage parentage;
  for (int i = 0; i < kDeepest && pid > 1; ++i) {
    if (!ReadStat(std::to_string(pid), &parentage)) return false;
    if (parentage.parent == root) return true;
    pid = parentage.parent;
  }
  return false;
}

size_t EndDescendants(std::chrono::milliseconds grace) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kPoll = std::chrono::milliseconds(20);
  const auto deadline = Clock::now() + grace;
  std::set<pid_t> asked;
  for (;;) {
    Reap();
    const std::vector<pid_t> living = Descendants(getpid());
    if (living.empty()) return asked.size();
    const bool patience_is_over = Clock::now() >= deadline;
    for (const pid_t pid : living) {
      if (asked.insert(pid).second && !patience_is_over) kill(pid, SIGTERM);
      if (patience_is_over) kill(pid, SIGKILL);
    }
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace vramcast::supervise
