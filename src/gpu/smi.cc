// The machine as nvidia-smi prints it: for machines where the library cannot be loaded.
#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "gpu/run_program.h"
#include "gpu/sampler.h"
#include "gpu/smi_text.h"

namespace vramcast::gpu {
namespace {

// nvidia-smi takes seconds on a large machine whose driver is not kept loaded.
constexpr std::chrono::seconds kPatience{20};

class Smi : public Sampler {
 public:
  Result<Machine> Sample() override;

 private:
  Result<std::string> QueryGpus();

  std::vector<std::string> columns_ = SmiGpuColumns();
  std::optional<std::string> cuda_version_;
  bool asked_for_cuda_ = false;
};

Result<std::string> Smi::QueryGpus() {
  while (!columns_.empty()) {
    const auto output =
        RunProgram({"nvidia-smi", "--query-gpu=" + Join(columns_, ","), "--format=csv"}, kPatience);
    if (!output) return tl::make_unexpected(output.error());
    const auto invalid = InvalidSmiColumn(output->text);
    if (!invalid) {
      if (output->exit_code != 0) return MachineError(ExplainSmi(output->exit_code, output->text));
      return output->text;
    }
    if (std::erase(columns_, *invalid) == 0) break;
  }
  return MachineError("nvidia-smi does not know the columns that it is asked for");
}

Result<Machine> Smi::Sample() {
  const auto csv = QueryGpus();
  if (!csv) return tl::make_unexpected(csv.error());
  auto machine = ParseSmiGpus(*csv);
  if (!machine || machine->gpus.empty()) return MachineError(ExplainSmi(0, *csv));
  const auto apps =
      RunProgram({"nvidia-smi", "--query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory",
                  "--format=csv"},
                 kPatience);
  const bool listed = apps && apps->exit_code == 0;
  if (listed) AddSmiProcesses(apps->text, &*machine);
  for (Gpu& gpu : machine->gpus) gpu.processes_known = listed;
  const bool partitioned =
      std::any_of(machine->gpus.begin(), machine->gpus.end(),
                  [](const Gpu& gpu) { return gpu.mig_enabled.value_or(false); });
  if (partitioned) {
    if (const auto list = RunProgram({"nvidia-smi", "-L"}, kPatience)) {
      AddSmiInstances(list->text, &*machine);
    }
  }
  if (!asked_for_cuda_) {
    asked_for_cuda_ = true;
    if (const auto banner = RunProgram({"nvidia-smi"}, kPatience)) {
      cuda_version_ = CudaVersionInBanner(banner->text);
    }
  }
  machine->cuda_version = cuda_version_;
  return machine;
}

}  // namespace

Result<std::unique_ptr<Sampler>> OpenSmi() { return std::make_unique<Smi>(); }

}  // namespace vramcast::gpu
