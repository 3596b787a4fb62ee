#include "monitor/attached.h"

#include <fmt/format.h>

#include <utility>

namespace vramcast::monitor {

Result<Attached> Attached::To(int64_t pid, gpu::Host host) {
  const gpu::Host::Life life = host.LifeOf(pid);
  if (life.state == '?' || life.state == 'Z') {
    return MachineError(fmt::format("there is no process {} here", pid));
  }
  return Attached(pid, life.start_ticks, std::move(host));
}

bool Attached::IsAlive() const {
  const gpu::Host::Life life = host_.LifeOf(pid_);
  return life.state != '?' && life.state != 'Z' && life.start_ticks == start_ticks_;
}

bool Attached::Owns(int64_t pid) {
  if (pid == pid_) return true;
  const auto known = owned_.find(pid);
  if (known != owned_.end()) return known->second;
  constexpr int kDeepest = 64;
  bool owns = false;
  int64_t ancestor = pid;
  for (int i = 0; i < kDeepest && ancestor > 1 && !owns; ++i) {
    const gpu::Host::Life life = host_.LifeOf(ancestor);
    if (life.state == '?') break;
    ancestor = life.parent;
    owns = ancestor == pid_;
  }
  // Numbers come back after a long time: not many of them are kept.
  if (owned_.size() >= 4096) owned_.clear();
  return owned_[pid] = owns;
}

}  // namespace vramcast::monitor
