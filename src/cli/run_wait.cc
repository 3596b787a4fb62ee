#include "cli/run_wait.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"
#include "gpu/sampler.h"

namespace vramcast::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kBetweenLooks = std::chrono::seconds(2);

std::string Holders(const gpu::Machine& machine) {
  std::vector<std::string> holders;
  for (const gpu::Gpu& gpu : machine.gpus) {
    for (const gpu::GpuProcess& process : gpu.processes) {
      holders.push_back(fmt::format("process {}{}{}", process.pid,
                                    process.name ? " (" + *process.name + ")" : "",
                                    process.used ? " with " + FormatBytes(*process.used) : ""));
    }
  }
  return holders.empty() ? "no process that the driver lists" : Join(holders, ", ");
}

}  // namespace

Status WaitForRoom(Bytes needed, std::chrono::seconds patience, Output& output) {
  const auto sampler = gpu::OpenSampler(gpu::Source::kAuto);
  if (!sampler) {
    return MachineError(
        "other processes held the memory that was missing, and the GPUs cannot be looked at here "
        "to see when they are gone");
  }
  const auto deadline = Clock::now() + patience;
  for (bool said = false;;) {
    const auto machine = (*sampler)->Sample();
    const auto device = machine ? gpu::SmallestDevice(*machine) : std::nullopt;
    if (device && device->free && *device->free >= needed) return {};
    if (Clock::now() >= deadline) {
      return MachineError(fmt::format(
          "other processes hold the memory that is missing ({}), and {} s of waiting did not "
          "change that; vramcast check shows them",
          machine ? Holders(*machine) : "the driver does not answer", patience.count()));
    }
    if (!said && machine) {
      output.Note(fmt::format("waiting up to {} s until {} are free; the card is held by {}",
                              patience.count(), FormatBytes(needed), Holders(*machine)));
    }
    said = true;
    std::this_thread::sleep_for(std::min<Clock::duration>(kBetweenLooks, deadline - Clock::now()));
  }
}

}  // namespace vramcast::cli
