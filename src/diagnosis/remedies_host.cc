// The computer's own memory: who took it decides what helps.
#include "diagnosis/remedies.h"

namespace vramcast::diagnosis {
namespace {

struct HostAdvice {
  std::string_view sign;  // RE2, any case, in the lines around the death
  std::string_view action;
  std::string_view command;
};

// The first that matches names the mechanism; more specific ones stand first.
constexpr HostAdvice kMechanisms[] = {
    {R"(pin memory thread|pin_memory|cudaHostAlloc|CachingHostAllocator)",
     "pinned memory could not be had: load batches without it, or allow more locked memory",
     "DataLoader(..., pin_memory=False)\nulimit -l unlimited"},
    {R"(bus error|insufficient shared memory|out of shared memory|/dev/shm)",
     "the DataLoader's workers share batches through /dev/shm, which is too small: enlarge it (in "
     "Docker: --shm-size=16g), or use fewer workers",
     "df -h /dev/shm\nsudo mount -o remount,size=16G /dev/shm"},
    {R"(DataLoader worker .* is killed)",
     "a DataLoader worker was killed: each worker holds its own copy of what the dataset keeps",
     "DataLoader(..., num_workers=2, prefetch_factor=2)"},
    {R"(slurm|srun|StepId)",
     "the job's memory limit was reached, which Slurm sets: ask for more, and see what was used",
     "#SBATCH --mem=64G\nsacct -j $SLURM_JOB_ID --format=JobID,ReqMem,MaxRSS,State"},
    {R"(OOMKilled|kubectl|kube)",
     "the pod's memory limit was reached: raise resources.limits.memory in its manifest",
     "kubectl top pod --containers\nkubectl describe pod POD"},
    {R"(paging file|os error 1455|WinError 1455)",
     "Windows would promise no more memory: enlarge the paging file, or load fewer models at once",
     "SystemPropertiesPerformance.exe"},
    {R"(unable to mmap|Cannot allocate memory.*safetensors)",
     "the kernel would not map the whole file: add swap, or allow it to promise more",
     "sudo sysctl vm.overcommit_memory=1"},
    {R"(Memory cgroup out of memory|constraint=CONSTRAINT_MEMCG)",
     "the limit of the container or service was reached, not the machine's",
     "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.peak"},
    {R"(offload|zero.?3|low_cpu_mem_usage)",
     "optimizer state or weights are kept in the computer's memory: offload less, or load on one "
     "rank only",
     "free -g"},
};

// Killed from outside, without a word of its own.
bool WasKilled(crashlog::Wording wording) {
  using crashlog::Wording;
  return wording == Wording::kSigkill || wording == Wording::kExit137 ||
         wording == Wording::kBareKilled || wording == Wording::kKernelOomKiller;
}

}  // namespace

void AdviseHost(const Case& c, std::vector<Remedy>& remedies) {
  using namespace literals;
  for (const HostAdvice& advice : kMechanisms) {
    if (Mentions(c, advice.sign)) {
      remedies.push_back({std::string(advice.action), std::string(advice.command), {}});
      break;
    }
  }
  if (Mentions(c, R"(DefaultCPUAllocator|alloc_cpu|CPUAllocator)")) {
    const auto& request = c.figures.requested;
    if (request && *request < 256_MiB) {
      remedies.push_back(
          {"even a small request was refused: a limit is set for this process or its "
           "container",
           "ulimit -v\ncat /sys/fs/cgroup/memory.max",
           {}});
    } else {
      remedies.push_back(
          {"one tensor on the CPU was too large: work through it in parts, or with a "
           "smaller type",
           "free -g",
           {}});
    }
  } else if (WasKilled(c.event->wording)) {
    remedies.push_back(
        {"make sure that it was the kernel's out-of-memory killer: it names the "
         "process and its size",
         "sudo dmesg -T | grep -i -E 'out of memory|oom-kill|killed process'",
         {}});
    remedies.push_back(
        {"then take less: fewer DataLoader workers, weights in bf16, one rank "
         "loading at a time, streaming instead of reading all data at once",
         "free -g; ps -eo rss,pid,args --sort=-rss | head",
         {}});
  }
  if (remedies.empty()) {
    remedies.push_back({"see what fills the computer's memory and the limits that are set for it",
                        "free -g; ulimit -a; cat /sys/fs/cgroup/memory.max",
                        {}});
  }
}

}  // namespace vramcast::diagnosis
