// The descendants of a process, read from /proc, and how to end them all: a run that dies must
// leave nothing behind that still holds a GPU.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <vector>

namespace vramcast::supervise {

// Every living descendant of `root`, `root` itself not included, parents before children. Zombies
// are left out: they hold nothing.
std::vector<pid_t> Descendants(pid_t root);

// Whether `pid` is below `root`: reads its ancestors only.
bool IsDescendant(pid_t pid, pid_t root);

// Asks every descendant of this process to end (SIGTERM), waits up to `grace`, then kills what is
// left (SIGKILL) and reaps. Processes started meanwhile are found too. Returns how many had to be
// ended. This process must be a child subreaper, or orphans will not be seen.
size_t EndDescendants(std::chrono::milliseconds grace);

}  // namespace vramcast::supervise
