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
// processes, so that a sample costs one small read for each known process.
class Completer {
 public:
  explicit Completer(Host host);
  void Complete(Machine* machine);

 private:
  void CompleteProcess(const Gpu& gpu, GpuProcess* process);

  Host host_;
  bool in_container_;
  std::optional<std::string> host_name_;
  std::map<int64_t, ProcessFacts> known_;
};

}  // namespace vramcast::gpu
