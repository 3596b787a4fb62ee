#include "monitor/sample.h"

namespace vramcast::monitor {
namespace {

ProcessSample FromProcess(const gpu::GpuProcess& process) {
  return {.pid = process.pid,
          .leftover = process.leftover.has_value(),
          .name = process.name,
          .used = process.used,
          .graphics = process.graphics,
          .command_line = process.command_line,
          .user = process.user};
}

// What a driver calls used and free add up to what programs can take, whichever of its versions
// says it (the newer leaves its own part out of both).
std::optional<Bytes> Capacity(std::optional<Bytes> used, std::optional<Bytes> free,
                              std::optional<Bytes> total) {
  if (used && free) return *used + *free;
  return total;
}

void AddInstances(const gpu::Gpu& gpu, Sample* sample) {
  for (const gpu::MigInstance& instance : gpu.instances) {
    if (!instance.used) continue;
    GpuSample one{.id = instance.uuid,
                  .name = gpu.name + " MIG " + instance.name,
                  .index = gpu.index,
                  .used = *instance.used,
                  .capacity = Capacity(instance.used, instance.free, instance.total),
                  .temperature = gpu.temperature};
    const std::string place = std::to_string(instance.gpu_instance.value_or(-1)) + "/" +
                              std::to_string(instance.compute_instance.value_or(-1));
    for (const gpu::GpuProcess& process : gpu.processes) {
      if (process.instance == place) one.processes.push_back(FromProcess(process));
    }
    sample->gpus.push_back(std::move(one));
  }
}

}  // namespace

Sample FromMachine(const gpu::Machine& machine, double time) {
  Sample sample{.time = time};
  for (const gpu::Gpu& gpu : machine.gpus) {
    if (gpu.mig_enabled.value_or(false) && !gpu.instances.empty()) {
      AddInstances(gpu, &sample);
      continue;
    }
    if (!gpu.used) continue;
    GpuSample one{.id = gpu.uuid.value_or(std::to_string(gpu.index)),
                  .name = gpu.name,
                  .index = gpu.index,
                  .used = *gpu.used,
                  .capacity = Capacity(gpu.used, gpu.free, gpu.total),
                  .utilisation = gpu.utilisation,
                  .temperature = gpu.temperature};
    for (const gpu::GpuProcess& process : gpu.processes) {
      one.processes.push_back(FromProcess(process));
    }
    sample.gpus.push_back(std::move(one));
  }
  return sample;
}

}  // namespace vramcast::monitor
