// A Sampler looks at the same machine again and again: what does not change is asked for once. The
// sources (NVML, nvidia-smi, the demo) report GPUs and process ids; Complete() adds what the host
// and the catalogue know.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "base/result.h"
#include "gpu/host.h"
#include "gpu/machine.h"

namespace vramcast::gpu {

class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual Result<Machine> Sample() = 0;
};

// A source with everything completed. Errors as Gather's.
Result<std::unique_ptr<Sampler>> OpenSampler(Source source);

// The bare sources.
Result<std::unique_ptr<Sampler>> OpenNvml();
Result<std::unique_ptr<Sampler>> OpenSmi();
std::unique_ptr<Sampler> OpenDemo();

// Adds to a bare sample what /proc, the catalogue and CUDA_VISIBLE_DEVICES tell. Remembers
// processes, and looks again at each known one only every so many samples: its number cannot pass
// to another process without being missing from a sample.
class Completer {
 public:
  explicit Completer(Host host);
  void Complete(Machine* machine);

 private:
  struct Known {
    ProcessFacts facts;
    bool foreign = false;  // the driver means another process by this number
    int64_t looked = 0;    // at this sample
  };
  static constexpr int64_t kPatience = 16;  // samples

  void CompleteProcess(const Gpu& gpu, GpuProcess* process);
  // What /proc tells of it; nothing if it is not there or hidden.
  const Known* Look(int64_t pid);

  Host host_;
  bool in_container_;
  std::optional<std::string> host_name_;
  std::map<int64_t, Known> known_;
  int64_t samples_ = 0;
};

}  // namespace vramcast::gpu
