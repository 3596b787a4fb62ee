// The machine as NVML sees it. Every call may be missing, refused or unsupported on its own: each
// then leaves its value unknown and nothing else.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "gpu/nvml_api.h"
#include "gpu/sampler.h"

namespace vramcast::gpu {
namespace {

using nvml::Api;
using nvml::Device;

using TextCall = nvml::Return (*)(Device, char*, unsigned int);

std::optional<std::string> Text(TextCall call, Device device) {
  std::array<char, 96> buffer{};  // NVML_DEVICE_NAME_V2_BUFFER_SIZE, ..._UUID_V2_...
  if (call == nullptr) return std::nullopt;
  if (call(device, buffer.data(), buffer.size()) != nvml::kSuccess) return std::nullopt;
  return std::string(buffer.data());
}

std::optional<Bytes> Known(unsigned long long value) {
  if (value > static_cast<unsigned long long>(std::numeric_limits<int64_t>::max()))
    return std::nullopt;
  return Bytes(static_cast<int64_t>(value));
}

struct MemoryUse {
  std::optional<Bytes> total, used, free, reserved;
  nvml::Return code = nvml::kSuccess;  // why nothing is known
};

// Whether a call failed because the GPU or its driver went away, not because it is not offered.
bool IsGone(nvml::Return code) {
  return code == nvml::kUninitialized || code == nvml::kDriverNotLoaded ||
         code == nvml::kGpuIsLost || code == nvml::kResetRequired ||
         code == nvml::kVersionMismatch || code == nvml::kUnknown;
}

std::string ExplainGone(int index, nvml::Return code) {
  if (code == nvml::kGpuIsLost) {
    return fmt::format(
        "GPU {} no longer answers: it has fallen off the bus (dmesg shows an Xid 79); the machine "
        "has to be restarted",
        index);
  }
  if (code == nvml::kResetRequired) {
    return fmt::format("GPU {} must be reset before it answers again: nvidia-smi --gpu-reset -i {}",
                       index, index);
  }
  return fmt::format("GPU {} no longer answers: {}", index, nvml::ExplainInit(code));
}

MemoryUse ReadMemory(const Api& api, Device device) {
  MemoryUse use;
  nvml::MemoryV2 v2{.version = nvml::kMemoryV2};
  if (api.memory_v2 != nullptr && api.memory_v2(device, &v2) == nvml::kSuccess) {
    use = {Known(v2.total), Known(v2.used), Known(v2.free), Known(v2.reserved)};
    return use;
  }
  nvml::Memory v1{};
  use.code = api.memory == nullptr ? nvml::kFunctionNotFound : api.memory(device, &v1);
  if (use.code == nvml::kSuccess) {
    use = {Known(v1.total), Known(v1.used), Known(v1.free), std::nullopt};
  }
  return use;
}

// Calls with a growing buffer until the list fits; nothing if the driver refuses.
template <typename Info>
std::optional<std::vector<Info>> List(nvml::Return (*call)(Device, unsigned int*, Info*),
                                      Device device) {
  if (call == nullptr) return std::nullopt;
  std::vector<Info> infos(64);
  for (int attempt = 0; attempt < 8; ++attempt) {
    auto count = static_cast<unsigned int>(infos.size());
    const nvml::Return code = call(device, &count, infos.data());
    if (code == nvml::kSuccess) {
      infos.resize(std::min<size_t>(count, infos.size()));
      return infos;
    }
    if (code != nvml::kInsufficientSize) return std::nullopt;
    infos.resize(std::max<size_t>(infos.size() * 2, count + 16));
  }
  return std::nullopt;
}

GpuProcess MakeProcess(unsigned int pid, unsigned long long used, bool graphics) {
  return {.pid = static_cast<int64_t>(pid), .used = Known(used), .graphics = graphics};
}

std::optional<std::vector<GpuProcess>> ListProcesses(Api::Processes call, Api::ProcessesV1 old,
                                                     Device device, bool graphics) {
  std::vector<GpuProcess> processes;
  if (const auto infos = List(call, device)) {
    for (const nvml::ProcessInfo& info : *infos) {
      GpuProcess process = MakeProcess(info.pid, info.used, graphics);
      if (info.gpu_instance != nvml::kNoInstance) {
        process.instance =
            fmt::format("{}/{}", info.gpu_instance,
                        info.compute_instance == nvml::kNoInstance ? 0 : info.compute_instance);
      }
      processes.push_back(std::move(process));
    }
    return processes;
  }
  const auto infos = List(old, device);
  if (!infos) return std::nullopt;
  for (const nvml::ProcessInfoV1& info : *infos) {
    processes.push_back(MakeProcess(info.pid, info.used, graphics));
  }
  return processes;
}

// A process may compute and draw: the driver then lists it twice with one number.
void Merge(const std::vector<GpuProcess>& from, std::vector<GpuProcess>* into) {
  for (const GpuProcess& process : from) {
    const auto same = [&process](const GpuProcess& other) {
      return other.pid == process.pid && other.instance == process.instance;
    };
    if (std::none_of(into->begin(), into->end(), same)) into->push_back(process);
  }
}

class Nvml : public Sampler {
 public:
  explicit Nvml(std::shared_ptr<const Api> api) : api_(std::move(api)) {}

  // Asks for what does not change. Machine error: no GPU.
  Status Open();
  Result<Machine> Sample() override;

 private:
  struct Known {
    Device device = nullptr;
    Gpu fixed;  // what does not change
    std::vector<Device> instances;
  };
  Known Describe(unsigned int index, Device device) const;
  void AddInstances(Known* known) const;
  void ReadProcesses(const Known& known, Gpu* gpu) const;
  Status Reopen();
  // Adds one GPU to the machine; the code of the call that told its memory.
  nvml::Return SampleGpu(const Known& known, Machine* machine) const;

  std::shared_ptr<const Api> api_;
  std::vector<Known> known_;
  Machine fixed_;
};

Status Nvml::Open() {
  fixed_.source = "nvml";
  std::array<char, 80> version{};
  if (api_->driver_version != nullptr &&
      api_->driver_version(version.data(), version.size()) == nvml::kSuccess) {
    fixed_.driver_version = version.data();
  }
  int cuda = 0;
  if (api_->cuda_version != nullptr && api_->cuda_version(&cuda) == nvml::kSuccess) {
    fixed_.cuda_version = fmt::format("{}.{}", cuda / 1000, cuda % 1000 / 10);
  }
  unsigned int count = 0;
  if (const nvml::Return code = api_->count(&count); code != nvml::kSuccess) {
    return MachineError(nvml::ExplainInit(code));
  }
  if (count == 0) {
    return MachineError(
        "the NVIDIA driver runs but lists no GPU: in a container, start it with GPUs (docker run "
        "--gpus all); else look at dmesg for a GPU that did not start");
  }
  for (unsigned int i = 0; i < count; ++i) {
    Device device = nullptr;
    const nvml::Return code = api_->handle(i, &device);
    if (code != nvml::kSuccess) {
      fixed_.notes.push_back(
          fmt::format("GPU {} cannot be opened: {}", i, nvml::ExplainInit(code)));
      continue;
    }
    known_.push_back(Describe(i, device));
  }
  if (known_.empty()) return MachineError(fixed_.notes.front());
  return {};
}

Nvml::Known Nvml::Describe(unsigned int index, Device device) const {
  Known known{.device = device};
  Gpu& gpu = known.fixed;
  gpu.index = static_cast<int>(index);
  gpu.name = Text(api_->name, device).value_or("unknown GPU");
  gpu.uuid = Text(api_->uuid, device);
  nvml::PciInfo pci{};
  if (api_->pci != nullptr && api_->pci(device, &pci) == nvml::kSuccess) {
    pci.bus_id[sizeof pci.bus_id - 1] = '\0';
    gpu.pci_bus = pci.bus_id;
  }
  ComputeCapability capability;
  if (api_->capability != nullptr &&
      api_->capability(device, &capability.major, &capability.minor) == nvml::kSuccess) {
    gpu.capability = capability;
  }
  unsigned int current = 0;
  unsigned int pending = 0;
  if (api_->ecc != nullptr && api_->ecc(device, &current, &pending) == nvml::kSuccess) {
    gpu.ecc_enabled = current != 0;
  }
  if (api_->mig_mode != nullptr && api_->mig_mode(device, &current, &pending) == nvml::kSuccess) {
    gpu.mig_enabled = current != 0;
  }
  if (gpu.mig_enabled.value_or(false)) AddInstances(&known);
  return known;
}

void Nvml::AddInstances(Known* known) const {
  unsigned int most = 0;
  if (api_->mig_count == nullptr || api_->mig_handle == nullptr ||
      api_->mig_count(known->device, &most) != nvml::kSuccess) {
    return;
  }
  for (unsigned int i = 0; i < most; ++i) {
    Device device = nullptr;
    if (api_->mig_handle(known->device, i, &device) != nvml::kSuccess) continue;
    MigInstance instance;
    instance.uuid = Text(api_->uuid, device).value_or("");
    // "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
    const std::string name = Text(api_->name, device).value_or("");
    const size_t mark = name.find(" MIG ");
    instance.name = mark == std::string::npos ? name : name.substr(mark + 5);
    unsigned int id = 0;
    if (api_->gpu_instance != nullptr && api_->gpu_instance(device, &id) == nvml::kSuccess) {
      instance.gpu_instance = static_cast<int>(id);
    }
    if (api_->compute_instance != nullptr &&
        api_->compute_instance(device, &id) == nvml::kSuccess) {
      instance.compute_instance = static_cast<int>(id);
    }
    nvml::Attributes attributes{};
    if (api_->attributes != nullptr && api_->attributes(device, &attributes) == nvml::kSuccess) {
      instance.multiprocessors = static_cast<int>(attributes.multiprocessors);
    }
    known->fixed.instances.push_back(std::move(instance));
    known->instances.push_back(device);
  }
}

void Nvml::ReadProcesses(const Known& known, Gpu* gpu) const {
  bool listed = false;
  const auto add = [&](Device device) {
    for (const bool graphics : {false, true}) {
      const auto list =
          ListProcesses(graphics ? api_->graphics : api_->compute,
                        graphics ? api_->graphics_v1 : api_->compute_v1, device, graphics);
      if (!list) continue;
      listed = listed || !graphics;
      Merge(*list, &gpu->processes);
    }
  };
  add(known.device);
  // In a container that was given one instance, only the instance answers.
  if (!listed) {
    for (const Device instance : known.instances) add(instance);
  }
  gpu->processes_known = listed;
}

nvml::Return Nvml::SampleGpu(const Known& known, Machine* machine) const {
  Gpu gpu = known.fixed;
  const MemoryUse use = ReadMemory(*api_, known.device);
  gpu.total = use.total;
  gpu.used = use.used;
  gpu.free = use.free;
  gpu.reserved = use.reserved;
  if (IsGone(use.code)) {
    machine->notes.push_back(ExplainGone(gpu.index, use.code));
    gpu.processes_known = false;
    machine->gpus.push_back(std::move(gpu));
    return use.code;
  }
  nvml::Utilization utilization{};
  if (api_->utilization != nullptr &&
      api_->utilization(known.device, &utilization) == nvml::kSuccess) {
    gpu.utilisation = static_cast<int>(utilization.gpu);
  }
  constexpr int kOnTheChip = 0;  // NVML_TEMPERATURE_GPU
  unsigned int celsius = 0;
  if (api_->temperature != nullptr &&
      api_->temperature(known.device, kOnTheChip, &celsius) == nvml::kSuccess) {
    gpu.temperature = static_cast<int>(celsius);
  }
  for (size_t i = 0; i < known.instances.size(); ++i) {
    const MemoryUse slice = ReadMemory(*api_, known.instances[i]);
    gpu.instances[i].total = slice.total;
    gpu.instances[i].used = slice.used;
    gpu.instances[i].free = slice.free;
  }
  ReadProcesses(known, &gpu);
  machine->gpus.push_back(std::move(gpu));
  return use.code;
}

// A driver that was loaded anew wants the library, which may be another version by now, anew too.
Status Nvml::Reopen() {
  known_.clear();
  fixed_ = {};
  api_.reset();
  auto api = nvml::Load();
  if (!api) return tl::make_unexpected(api.error());
  api_ = *std::move(api);
  return Open();
}

Result<Machine> Nvml::Sample() {
  for (const bool again : {false, true}) {
    if (!api_ || known_.empty()) {
      if (auto opened = Reopen(); !opened) {
        api_.reset();
        return tl::make_unexpected(opened.error());
      }
    }
    Machine machine = fixed_;
    size_t gone = 0;
    for (const Known& known : known_) gone += IsGone(SampleGpu(known, &machine)) ? 1 : 0;
    if (gone < known_.size()) return machine;
    const std::string why = machine.notes.back();
    api_.reset();
    if (again) return MachineError(why);
  }
  return MachineError("the driver went away");
}

}  // namespace

Result<std::unique_ptr<Sampler>> OpenNvml() {
  auto api = nvml::Load();
  if (!api) return tl::make_unexpected(api.error());
  auto sampler = std::make_unique<Nvml>(*std::move(api));
  if (auto opened = sampler->Open(); !opened) return tl::make_unexpected(opened.error());
  return sampler;
}

}  // namespace vramcast::gpu
