// Machines and cards as JSON: bytes as integers, what is not known as null.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gpu/machine.h"

namespace vramcast::gpu {

nlohmann::json ToJson(const Card& card);
nlohmann::json ToJson(const GpuProcess& process);
nlohmann::json ToJson(const Gpu& gpu);
nlohmann::json ToJson(const Machine& machine);

}  // namespace vramcast::gpu
