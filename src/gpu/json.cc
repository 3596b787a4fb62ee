#include "gpu/json.h"

#include <nlohmann/json.hpp>

namespace vramcast::gpu {
namespace {

using nlohmann::json;

json Plain(Bytes bytes) { return bytes.count(); }
json Plain(ComputeCapability capability) { return Format(capability); }
template <typename T>
json Plain(const T& value) {
  return value;
}
template <typename T>
json OrNull(const std::optional<T>& value) {
  return value ? Plain(*value) : json(nullptr);
}

json LeftoverName(std::optional<Leftover> leftover) {
  if (!leftover) return nullptr;
  switch (*leftover) {
    case Leftover::kZombie:
      return "zombie";
    case Leftover::kOrphan:
      return "orphan";
    case Leftover::kNotFound:
      break;
  }
  return "not_found";
}

json ToJson(const MigInstance& instance) {
  return {{"uuid", instance.uuid},
          {"name", instance.name},
          {"gpu_instance", OrNull(instance.gpu_instance)},
          {"compute_instance", OrNull(instance.compute_instance)},
          {"total_bytes", OrNull(instance.total)},
          {"used_bytes", OrNull(instance.used)},
          {"free_bytes", OrNull(instance.free)},
          {"multiprocessors", OrNull(instance.multiprocessors)}};
}

}  // namespace

json ToJson(const Card& card) {
  return {{"name", card.name},
          {"total_bytes", card.total.count()},
          {"total_low_bytes", card.total_low.count()},
          {"total_high_bytes", card.total_high.count()},
          {"estimated", card.estimated},
          {"board_total_bytes", OrNull(card.board_total)},
          {"sold_gb", OrNull(card.sold_gb)},
          {"compute_capability", OrNull(card.capability)},
          {"multiprocessors", OrNull(card.multiprocessors)},
          {"shared_memory_per_multiprocessor_bytes", OrNull(card.shared_per_multiprocessor)},
          {"shared_memory_per_block_bytes", OrNull(card.shared_per_block)},
          {"l2_bytes", OrNull(card.l2)}};
}

json ToJson(const GpuProcess& process) {
  return {{"pid", process.pid},
          {"name", OrNull(process.name)},
          {"command", OrNull(process.command_line)},
          {"user", OrNull(process.user)},
          {"parent", OrNull(process.parent)},
          {"used_bytes", OrNull(process.used)},
          {"instance", OrNull(process.instance)},
          {"graphics", process.graphics},
          {"mine", process.is_mine},
          {"hidden", process.hidden},
          {"leftover", LeftoverName(process.leftover)},
          {"end_command", OrNull(process.end_command)}};
}

json ToJson(const Gpu& gpu) {
  json object = {{"index", gpu.index},
                 {"name", gpu.name},
                 {"uuid", OrNull(gpu.uuid)},
                 {"pci_bus", OrNull(gpu.pci_bus)},
                 {"total_bytes", OrNull(gpu.total)},
                 {"used_bytes", OrNull(gpu.used)},
                 {"free_bytes", OrNull(gpu.free)},
                 {"reserved_bytes", OrNull(gpu.reserved)},
                 {"compute_capability", OrNull(gpu.capability)},
                 {"mig_enabled", OrNull(gpu.mig_enabled)},
                 {"ecc_enabled", OrNull(gpu.ecc_enabled)},
                 {"utilisation_percent", OrNull(gpu.utilisation)},
                 {"temperature_celsius", OrNull(gpu.temperature)},
                 {"processes_known", gpu.processes_known},
                 {"card", gpu.card ? ToJson(*gpu.card) : json(nullptr)},
                 {"instances", json::array()},
                 {"processes", json::array()}};
  for (const MigInstance& instance : gpu.instances) {
    object["instances"].push_back(ToJson(instance));
  }
  for (const GpuProcess& process : gpu.processes) object["processes"].push_back(ToJson(process));
  return object;
}

json ToJson(const Machine& machine) {
  json object = {{"source", machine.source},
                 {"host", OrNull(machine.host)},
                 {"driver_version", OrNull(machine.driver_version)},
                 {"cuda_version", OrNull(machine.cuda_version)},
                 {"cuda_visible_devices", OrNull(machine.visible_rule)},
                 {"in_container", machine.in_container},
                 {"gpus", json::array()},
                 {"visible", json::array()},
                 {"notes", machine.notes}};
  for (const Gpu& gpu : machine.gpus) object["gpus"].push_back(ToJson(gpu));
  for (const VisibleDevice& device : machine.visible) {
    const auto capacity = CapacityOf(machine, device);
    const Gpu& gpu = machine.gpus[device.gpu];
    object["visible"].push_back(
        {{"gpu", gpu.index},
         {"uuid", device.instance ? json(gpu.instances[*device.instance].uuid) : OrNull(gpu.uuid)},
         {"name", capacity ? json(capacity->name) : json(gpu.name)},
         {"capacity_bytes", capacity ? json(capacity->total.count()) : json(nullptr)},
         {"free_bytes", capacity ? OrNull(capacity->free) : json(nullptr)},
         {"other_processes_bytes", capacity ? OrNull(capacity->other) : json(nullptr)}});
  }
  return object;
}

}  // namespace vramcast::gpu
