#include "gpu/leftover.h"

#include <fmt/format.h>

#include <array>

namespace vramcast::gpu {
namespace {

bool RunsPython(const ProcessFacts& facts) {
  for (const char* mark : {"python", "torchrun", "pt_main_thread", "pt_data_worker"}) {
    if (facts.name.find(mark) != std::string::npos) return true;
    if (facts.command_line.find(mark) != std::string::npos) return true;
  }
  return false;
}

// Who adopts a process whose parent has died: process 1, or a session's systemd.
bool Adopted(const ProcessFacts& facts) {
  constexpr std::array kInits = {"systemd", "init",  "tini",      "dumb-init", "docker-init",
                                 "launchd", "runit", "s6-svscan", "catatonit"};
  for (const char* init : kInits) {
    if (facts.parent_name == init) return true;
  }
  return false;
}

}  // namespace

std::optional<Leftover> JudgeLeftover(const ProcessFacts& facts, std::optional<int> utilisation) {
  if (facts.state == 'Z') return Leftover::kZombie;
  if (!RunsPython(facts) || !Adopted(facts)) return std::nullopt;
  if (utilisation.value_or(0) > 0) return std::nullopt;
  return Leftover::kOrphan;
}

std::string EndCommand(const GpuProcess& process, int gpu_index) {
  switch (*process.leftover) {
    case Leftover::kZombie:
      // A zombie cannot be killed: its parent has to reap it, or to go.
      return process.parent ? fmt::format("kill {}", *process.parent)
                            : fmt::format("kill {}", process.pid);
    case Leftover::kNotFound:
      return fmt::format("sudo fuser -v /dev/nvidia{}", gpu_index);
    case Leftover::kOrphan:
      break;
  }
  return fmt::format("{}kill {}", process.is_mine ? "" : "sudo ", process.pid);
}

std::string LeftoverReason(Leftover leftover) {
  switch (leftover) {
    case Leftover::kZombie:
      return "it is dead, but its parent has not collected it";
    case Leftover::kOrphan:
      return "the program that started it is gone and the GPU is idle";
    case Leftover::kNotFound:
      break;
  }
  return "the driver lists it, but no such process exists";
}

}  // namespace vramcast::gpu
