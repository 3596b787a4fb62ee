// Which devices a CUDA program sees, and in which order: the rules of CUDA_VISIBLE_DEVICES (CUDA
// C++ Programming Guide 12.8, "CUDA Environment Variables"; MIG User Guide, "Device Nodes and
// CUDA").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/machine.h"

namespace vramcast::gpu {

struct Visible {
  std::vector<VisibleDevice> devices;
  std::vector<std::string> notes;  // entries that name nothing, an order that is only likely
};

// `rule` is CUDA_VISIBLE_DEVICES (nothing: not set; empty: no devices), `order` CUDA_DEVICE_ORDER.
Visible ResolveVisible(const std::vector<Gpu>& gpus, std::optional<std::string_view> rule,
                       std::optional<std::string_view> order);

}  // namespace vramcast::gpu
