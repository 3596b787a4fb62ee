#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "gpu/leftover.h"
#include "gpu/sampler.h"
#include "gpu/visible.h"

namespace vramcast::gpu {
namespace {

std::optional<std::string_view> Environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

class Completed : public Sampler {
 public:
  explicit Completed(std::unique_ptr<Sampler> bare) : bare_(std::move(bare)), completer_(Host{}) {}
  Result<Machine> Sample() override {
    Result<Machine> machine = bare_->Sample();
    if (machine) completer_.Complete(&*machine);
    return machine;
  }

 private:
  std::unique_ptr<Sampler> bare_;
  Completer completer_;
};

// A board that shares the CPU's memory reports none of its own.
void UseSystemMemory(const Host& host, Gpu* gpu) {
  const auto memory = host.SystemMemory();
  if (!memory) return;
  gpu->total = memory->total;
  gpu->free = memory->available;
  gpu->used = memory->total - memory->available;
  gpu->reserved = Bytes(0);
}

}  // namespace

Completer::Completer(Host host)
    : host_(std::move(host)), in_container_(host_.InContainer()), host_name_(host_.Name()) {}

const Completer::Known* Completer::Look(int64_t pid) {
  auto known = known_.find(pid);
  // Staggered by number, so that no sample costs much more than the others.
  if (known != known_.end() && (samples_ + pid) % kPatience != 0 &&
      samples_ - known->second.looked < kPatience) {
    return &known->second;
  }
  const Host::Life life = host_.LifeOf(pid);
  if (life.state == '?') {
    if (known != known_.end()) known_.erase(known);
    return nullptr;
  }
  if (known == known_.end() || known->second.facts.start_ticks != life.start_ticks) {
    auto facts = host_.Process(pid);
    if (!facts) return nullptr;
    known = known_.insert_or_assign(pid, Known{.facts = *std::move(facts)}).first;
    // In a container the driver's id may happen to be that of a process that has no GPU open.
    known->second.foreign = in_container_ && !host_.HoldsGpu(pid).value_or(true);
  }
  known->second.facts.state = life.state;
  known->second.facts.parent = life.parent;
  known->second.looked = samples_;
  return &known->second;
}

void Completer::CompleteProcess(const Gpu& gpu, GpuProcess* process) {
  const Known* known = Look(process->pid);
  if (known == nullptr) {
    // Another namespace's ids mean nothing here; outside a container the id is that of a dead
    // process.
    process->hidden = in_container_ || host_.Exists(process->pid);
    if (!process->hidden) process->leftover = Leftover::kNotFound;
  } else if (known->foreign) {
    process->hidden = true;
    return;
  } else {
    const ProcessFacts& facts = known->facts;
    process->name = facts.name;
    if (!facts.command_line.empty()) process->command_line = facts.command_line;
    process->user = facts.user;
    process->parent = facts.parent;
    process->is_mine = facts.uid == static_cast<int64_t>(getuid());
    process->leftover = JudgeLeftover(facts, gpu.utilisation);
  }
  if (process->leftover) process->end_command = EndCommand(*process, gpu.index);
}

void Completer::Complete(Machine* machine) {
  ++samples_;
  machine->host = host_name_;
  machine->in_container = in_container_;
  std::set<int64_t> seen;
  bool hidden = false;
  for (Gpu& gpu : machine->gpus) {
    gpu.card = CardForDriver(gpu.name, gpu.total);
    if (!gpu.total && gpu.card && gpu.card->integrated) UseSystemMemory(host_, &gpu);
    for (GpuProcess& process : gpu.processes) {
      CompleteProcess(gpu, &process);
      seen.insert(process.pid);
      hidden = hidden || process.hidden;
    }
  }
  std::erase_if(known_, [&seen](const auto& entry) { return !seen.contains(entry.first); });
  if (hidden) {
    machine->notes.emplace_back(
        machine->in_container
            ? "this container has its own process ids: the driver's ids are the host's, so names "
              "and "
              "owners of some processes are not known here"
            : "/proc hides some processes of other users: their names are not known");
  }
  const auto rule = Environment("CUDA_VISIBLE_DEVICES");
  Visible visible = ResolveVisible(machine->gpus, rule, Environment("CUDA_DEVICE_ORDER"));
  machine->visible = std::move(visible.devices);
  if (rule) machine->visible_rule = *rule;
  machine->notes.insert(machine->notes.end(), visible.notes.begin(), visible.notes.end());
}

Result<std::unique_ptr<Sampler>> OpenSampler(Source source) {
  if (source == Source::kDemo) return OpenDemo();
  if (source != Source::kSmi) {
    Result<std::unique_ptr<Sampler>> nvml = OpenNvml();
    if (nvml) return std::make_unique<Completed>(*std::move(nvml));
    if (source == Source::kNvml) return nvml;
    Result<std::unique_ptr<Sampler>> smi = OpenSmi();
    // NVML's explanation is the better one where both fail.
    if (!smi || !(*smi)->Sample()) return nvml;
    return std::make_unique<Completed>(*std::move(smi));
  }
  Result<std::unique_ptr<Sampler>> smi = OpenSmi();
  if (!smi) return smi;
  return std::make_unique<Completed>(*std::move(smi));
}

Result<Machine> Gather(Source source) {
  Result<std::unique_ptr<Sampler>> sampler = OpenSampler(source);
  if (!sampler) return tl::make_unexpected(sampler.error());
  return (*sampler)->Sample();
}

}  // namespace vramcast::gpu
