// A made-up machine: one RTX 3090 with a desktop, and a Python process that an earlier run left
// behind. From the second sample on a training run leaks on it, so that `watch` has something to
// say.
#include "gpu/sampler.h"

namespace vramcast::gpu {
namespace {

using namespace literals;  // NOLINT: sizes

constexpr Bytes kTotal = 24576_MiB;
constexpr Bytes kReserved = 440_MiB;

GpuProcess Desktop() {
  return {.pid = 1873,
          .name = "Xorg",
          .command_line = "/usr/lib/xorg/Xorg vt2 -displayfd 3",
          .user = "root",
          .parent = 1861,
          .used = 182_MiB,
          .graphics = true};
}

GpuProcess LeftBehind() {
  return {.pid = 4242,
          .name = "python3",
          .command_line = "/home/ada/nanochat/.venv/bin/python3 -m scripts.base_train --depth=20",
          .user = "ada",
          .parent = 1,
          .used = 6214_MiB,
          .is_mine = true,
          .leftover = Leftover::kOrphan,
          .end_command = "kill 4242"};
}

// A run whose reserved memory climbs by a 20 MiB segment every fourth sample, until the card is
// full; then the next one starts, under a new number.
GpuProcess Training(int sample) {
  constexpr int kLife = 1500;
  return {.pid = 9001 + sample / kLife,
          .name = "python3",
          .command_line =
              "/home/ada/nanochat/.venv/bin/python3 -m scripts.base_train --depth=12 "
              "--device-batch-size=8",
          .user = "ada",
          .parent = 8990,
          .used = 9730_MiB + (sample % kLife / 4) * 20_MiB,
          .is_mine = true};
}

class Demo : public Sampler {
 public:
  Result<Machine> Sample() override {
    Gpu gpu{.index = 0,
            .name = "NVIDIA GeForce RTX 3090",
            .uuid = "GPU-de300000-0000-4000-8000-000000003090",
            .pci_bus = "00000000:01:00.0",
            .total = kTotal,
            .reserved = kReserved,
            .capability = ComputeCapability{8, 6},
            .mig_enabled = std::nullopt,
            .utilisation = sample_ == 0 ? 0 : 97,
            .temperature = sample_ == 0 ? 41 : 72};
    gpu.processes = {Desktop(), LeftBehind()};
    if (sample_ > 0) gpu.processes.push_back(Training(sample_));
    Bytes used;
    for (const GpuProcess& process : gpu.processes) used += *process.used;
    gpu.used = used;
    gpu.free = kTotal - kReserved - used;
    gpu.card = CardForDriver(gpu.name, gpu.total);
    ++sample_;
    return Machine{.source = "demo",
                   .host = "demo",
                   .driver_version = "570.86.15",
                   .cuda_version = "12.8",
                   .gpus = {std::move(gpu)},
                   .visible = {{.gpu = 0}},
                   .notes = {"this is the made-up demo machine, not yours"}};
  }

 private:
  int sample_ = 0;
};

}  // namespace

std::unique_ptr<Sampler> OpenDemo() { return std::make_unique<Demo>(); }

}  // namespace vramcast::gpu
