#include "gpu/visible.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/text.h"

namespace vramcast::gpu {
namespace {

// A stand-in for CUDA's "fastest first": newer architecture, then more multiprocessors.
std::pair<ComputeCapability, int> Speed(const Gpu& gpu) {
  const ComputeCapability capability = gpu.capability.value_or(
      gpu.card ? gpu.card->capability.value_or(ComputeCapability{}) : ComputeCapability{});
  return {capability, gpu.card ? gpu.card->multiprocessors.value_or(0) : 0};
}

bool Mixed(const std::vector<Gpu>& gpus) {
  return std::any_of(gpus.begin(), gpus.end(),
                     [&gpus](const Gpu& gpu) { return gpu.name != gpus.front().name; });
}

// The GPUs in CUDA's own numbering, which indices in CUDA_VISIBLE_DEVICES refer to.
std::vector<size_t> CudaOrder(const std::vector<Gpu>& gpus, bool by_bus) {
  std::vector<size_t> order(gpus.size());
  std::iota(order.begin(), order.end(), 0);
  if (!by_bus) {
    std::stable_sort(order.begin(), order.end(),
                     [&gpus](size_t a, size_t b) { return Speed(gpus[a]) > Speed(gpus[b]); });
  }
  return order;
}

VisibleDevice Whole(const std::vector<Gpu>& gpus, size_t gpu) {
  // A program on a partitioned GPU gets one instance, the first unless it names another.
  if (gpus[gpu].mig_enabled.value_or(false) && !gpus[gpu].instances.empty()) return {gpu, 0};
  return {gpu, std::nullopt};
}

// A full UUID or a beginning of one that fits only one device.
std::optional<VisibleDevice> ByUuid(const std::vector<Gpu>& gpus, std::string_view entry) {
  std::vector<VisibleDevice> found;
  for (size_t g = 0; g < gpus.size(); ++g) {
    if (gpus[g].uuid && gpus[g].uuid->starts_with(entry)) found.push_back(Whole(gpus, g));
    for (size_t i = 0; i < gpus[g].instances.size(); ++i) {
      const MigInstance& instance = gpus[g].instances[i];
      // Drivers before R470 named instances "MIG-GPU-<uuid>/<gpu instance>/<compute instance>".
      const std::string old =
          fmt::format("MIG-{}/{}/{}", gpus[g].uuid.value_or(""), instance.gpu_instance.value_or(-1),
                      instance.compute_instance.value_or(-1));
      if (instance.uuid.starts_with(entry) || old == entry) found.push_back({g, i});
    }
  }
  if (found.size() != 1) return std::nullopt;
  return found.front();
}

}  // namespace

Visible ResolveVisible(const std::vector<Gpu>& gpus, std::optional<std::string_view> rule,
                       std::optional<std::string_view> order) {
  Visible visible;
  const bool by_bus = order && EqualsIgnoreCase(Trim(*order), "PCI_BUS_ID");
  const std::vector<size_t> numbering = CudaOrder(gpus, by_bus);
  const bool order_is_likely = !by_bus && !gpus.empty() && Mixed(gpus);
  constexpr const char* kOrderNote =
      "the GPUs differ, so CUDA's own numbering (fastest first) may not be nvidia-smi's: set "
      "CUDA_DEVICE_ORDER=PCI_BUS_ID to make them equal";
  if (!rule) {
    for (const size_t gpu : numbering) visible.devices.push_back(Whole(gpus, gpu));
    if (order_is_likely) visible.notes.emplace_back(kOrderNote);
    return visible;
  }
  bool used_index = false;
  for (const std::string_view part : Split(*rule, ',')) {
    const std::string_view entry = Trim(part);
    std::optional<VisibleDevice> device;
    if (const auto index = ParseInt(entry)) {
      if (*index >= 0 && *index < static_cast<int64_t>(numbering.size())) {
        device = Whole(gpus, numbering[static_cast<size_t>(*index)]);
        used_index = true;
      }
    } else if (entry.starts_with("GPU-") || entry.starts_with("MIG-")) {
      device = ByUuid(gpus, entry);
    }
    // CUDA stops at the first entry that names no device: what follows it is not seen.
    if (!device) {
      if (entry != "-1" && !Trim(*rule).empty()) {
        visible.notes.push_back(fmt::format(
            "CUDA_VISIBLE_DEVICES={}: '{}' names no device here; CUDA ignores it and what follows",
            *rule, entry));
      }
      break;
    }
    const auto same = [&device](const VisibleDevice& other) {
      return other.gpu == device->gpu && other.instance == device->instance;
    };
    if (std::any_of(visible.devices.begin(), visible.devices.end(), same)) {
      visible.notes.push_back(
          fmt::format("CUDA_VISIBLE_DEVICES={} names a device twice: CUDA then sees none", *rule));
      visible.devices.clear();
      return visible;
    }
    visible.devices.push_back(*device);
  }
  if (used_index && order_is_likely) visible.notes.emplace_back(kOrderNote);
  if (visible.devices.empty()) {
    visible.notes.push_back(
        fmt::format("CUDA_VISIBLE_DEVICES='{}' hides every GPU from CUDA programs", *rule));
  }
  return visible;
}

}  // namespace vramcast::gpu
