#include <algorithm>

#include "gpu/machine.h"

namespace vramcast::gpu {
namespace {

std::optional<Bytes> ProgramTotal(const Gpu& gpu) {
  if (gpu.total && gpu.reserved) return *gpu.total - *gpu.reserved;
  // The catalogue's value is what programs see; the board's own total is what it was chosen by.
  if (gpu.card && (!gpu.total || gpu.card->total <= *gpu.total)) return gpu.card->total;
  if (gpu.total) return UsualTotal(*gpu.total);
  return std::nullopt;
}

}  // namespace

std::optional<Capacity> CapacityOf(const Machine& machine, const VisibleDevice& device) {
  if (device.gpu >= machine.gpus.size()) return std::nullopt;
  const Gpu& gpu = machine.gpus[device.gpu];
  Capacity capacity{.name = gpu.name, .capability = gpu.capability};
  if (!capacity.capability && gpu.card) capacity.capability = gpu.card->capability;
  std::optional<Bytes> total;
  if (device.instance) {
    const MigInstance& instance = gpu.instances[*device.instance];
    capacity.name += " MIG " + instance.name;
    total = instance.total;
    capacity.free = instance.free;
  } else {
    total = ProgramTotal(gpu);
    capacity.free = gpu.free;
  }
  if (!total) return std::nullopt;
  capacity.total = *total;
  if (capacity.free) {
    capacity.free = std::min(*capacity.free, capacity.total);
    capacity.other = capacity.total - *capacity.free;
  }
  return capacity;
}

std::optional<Capacity> SmallestDevice(const Machine& machine) {
  std::optional<Capacity> smallest;
  for (const VisibleDevice& device : machine.visible) {
    const auto capacity = CapacityOf(machine, device);
    if (!capacity) continue;
    const auto less = [](const Capacity& a, const Capacity& b) {
      if (a.total != b.total) return a.total < b.total;
      return a.free.value_or(a.total) < b.free.value_or(b.total);
    };
    if (!smallest || less(*capacity, *smallest)) smallest = capacity;
  }
  return smallest;
}

std::optional<Source> SourceFromName(std::string_view name) {
  if (name == "auto") return Source::kAuto;
  if (name == "nvml") return Source::kNvml;
  if (name == "nvidia-smi" || name == "smi") return Source::kSmi;
  if (name == "demo") return Source::kDemo;
  return std::nullopt;
}

}  // namespace vramcast::gpu
