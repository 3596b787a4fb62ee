// What is in a machine: its GPUs, their MIG instances, and who holds memory on them. Every value
// that a driver may refuse is optional: unknown is never zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gpu/card.h"

namespace vramcast::gpu {

// Why a process that holds GPU memory looks left over rather than at work.
enum class Leftover : uint8_t {
  kZombie,    // dead, not yet reaped by its parent; the driver may still hold its memory
  kOrphan,    // a Python process whose parent is gone (adopted by init)
  kNotFound,  // its id is not in /proc, outside a container: dead but memory not yet released
};

struct GpuProcess {
  int64_t pid = 0;
  std::optional<std::string> name;          // short: "python3"
  std::optional<std::string> command_line;  // arguments joined by blanks
  std::optional<std::string> user;
  std::optional<int64_t> parent;
  std::optional<Bytes> used;
  std::optional<std::string> instance;  // UUID or "GI/CI" of the MIG instance it runs on
  bool graphics = false;                // a desktop or a game, not a computation
  bool is_mine = false;                 // same user as this program
  bool hidden = false;  // its id belongs to another pid namespace: /proc cannot tell
  std::optional<Leftover> leftover;
  std::optional<std::string> end_command;  // what ends a leftover: "kill 4242"
};

struct MigInstance {
  std::string uuid;  // "MIG-…"
  std::string name;  // profile: "1g.10gb"
  std::optional<int> gpu_instance;
  std::optional<int> compute_instance;
  std::optional<Bytes> total;
  std::optional<Bytes> used;
  std::optional<Bytes> free;
  std::optional<int> multiprocessors;
};

struct Gpu {
  int index = 0;  // the driver's (PCI order)
  std::string name;
  std::optional<std::string> uuid;
  std::optional<std::string> pci_bus;
  // The board's: total = used + free + reserved. A CUDA program sees total - reserved.
  std::optional<Bytes> total;
  std::optional<Bytes> used;  // by processes (and the driver, where `reserved` is unknown)
  std::optional<Bytes> free;
  std::optional<Bytes> reserved;
  std::optional<ComputeCapability> capability;
  std::optional<bool> mig_enabled;
  std::optional<bool> ecc_enabled;
  std::optional<int> utilisation;  // percent
  std::optional<int> temperature;  // degrees Celsius
  std::vector<MigInstance> instances;
  std::vector<GpuProcess> processes;
  bool processes_known = true;  // false: the driver would not list them
  std::optional<Card> card;     // from the catalogue, by name
};

// A device as CUDA numbers them: a GPU, or a MIG instance of one.
struct VisibleDevice {
  size_t gpu = 0;                  // into Machine::gpus
  std::optional<size_t> instance;  // into Gpu::instances
};

struct Machine {
  std::string source;  // "nvml", "nvidia-smi", "demo"
  std::optional<std::string> host;
  std::optional<std::string> driver_version;
  std::optional<std::string> cuda_version;  // the newest the driver supports: "12.8"
  std::vector<Gpu> gpus;
  std::vector<VisibleDevice> visible;       // in CUDA's order under CUDA_VISIBLE_DEVICES
  std::optional<std::string> visible_rule;  // the variable's value, where it is set
  bool in_container = false;
  std::vector<std::string> notes;  // what could not be read or looks wrong, one sentence each
};

// What a CUDA program can use of a visible device.
struct Capacity {
  std::string name;
  Bytes total;                 // as cudaMemGetInfo would report it
  std::optional<Bytes> free;   // of it, now
  std::optional<Bytes> other;  // held by others: total - free
  std::optional<ComputeCapability> capability;
};
std::optional<Capacity> CapacityOf(const Machine& machine, const VisibleDevice& device);

// The visible device with the least memory: in a mixed machine it decides what fits. Among equals
// the one with the least free memory. Nothing if no total is known.
std::optional<Capacity> SmallestDevice(const Machine& machine);

enum class Source : uint8_t { kAuto, kNvml, kSmi, kDemo };
std::optional<Source> SourceFromName(
    std::string_view name);  // "auto", "nvml", "nvidia-smi", "demo"

// Looks at the machine. kAuto asks NVML and falls back on nvidia-smi. Machine error: no driver, no
// GPU, a library that does not match the driver; the message says which and what to do.
Result<Machine> Gather(Source source);

}  // namespace vramcast::gpu
