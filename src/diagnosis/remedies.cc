#include "diagnosis/remedies.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "command/edit.h"

namespace vramcast::diagnosis {
namespace {

// A second cause is worth its remedies if it is this likely.
constexpr double kWorthMentioning = 0.25;

// The command with NAME=value before it, or the assignment alone where no command is known.
std::string WithEnvironment(const Job* job, std::string_view name, std::string_view value) {
  if (job != nullptr) {
    if (auto edited = command::SetEnvironment(job->script, job->launch(), name, value)) {
      return std::move(edited->text);
    }
  }
  return fmt::format("{}={}", name, value);
}

void ForCause(const Case& c, Cause cause, const Job* job, std::vector<Remedy>& remedies) {
  switch (cause) {
    case Cause::kHostMemory:
      AdviseHost(c, remedies);
      return;
    case Cause::kNotMemory:
      AdviseNotMemory(c, job, remedies);
      return;
    case Cause::kOtherProcess:
      AdviseNeighbours(c, remedies);
      AdviseFramework(c, cause, remedies);
      return;
    default:
      break;
  }
  if (job != nullptr) {
    CorrectLaunch(c, cause, *job, remedies);
  }
  if (!AdviseFramework(c, cause, remedies)) {
    AdvisePytorch(c, cause, job, remedies);
  }
}

}  // namespace

std::vector<Remedy> Recommend(const Case& c, const std::vector<Finding>& findings, const Job* job) {
  std::vector<Remedy> remedies;
  for (size_t i = 0; i < findings.size(); ++i) {
    if (i == 0 || findings[i].confidence >= kWorthMentioning) {
      ForCause(c, findings[i].cause, job, remedies);
    }
  }
  std::vector<Remedy> distinct;
  for (Remedy& remedy : remedies) {
    const bool known = std::any_of(distinct.begin(), distinct.end(), [&](const Remedy& other) {
      return other.action == remedy.action ||
             (!remedy.command.empty() && other.command == remedy.command);
    });
    if (!known) {
      distinct.push_back(std::move(remedy));
    }
  }
  return distinct;
}

std::string AllocConfName(const Case& c) {
  if (Mentions(c, R"(PYTORCH_HIP_ALLOC_CONF)")) {
    return "PYTORCH_HIP_ALLOC_CONF";
  }
  return Mentions(c, R"(\bPYTORCH_ALLOC_CONF)") ? "PYTORCH_ALLOC_CONF" : "PYTORCH_CUDA_ALLOC_CONF";
}

void AdviseNeighbours(const Case& c, std::vector<Remedy>& remedies) {
  const std::vector<Neighbour>& neighbours = c.figures.neighbours;
  std::string pids, sibling;
  for (const Neighbour& neighbour : neighbours) {
    if (neighbour.bytes.value_or(Bytes()) * 20 < c.figures.neighbours_sum) {
      continue;  // a bare context
    }
    pids += (pids.empty() ? "" : " ") + std::to_string(neighbour.pid);
    if (Mentions(c, fmt::format(R"((subprocess|pid[:=]?|process) *{}\b)", neighbour.pid)) &&
        Mentions(c,
                 fmt::format(R"((Killing|terminat|SIGTERM|local_rank).*\b{}\b)", neighbour.pid))) {
      sibling = std::to_string(neighbour.pid);
    }
  }
  if (!sibling.empty()) {
    remedies.push_back(
        {fmt::format(
             "process {} is another rank of this very run, on the wrong GPU: give each rank "
             "its own, before anything touches CUDA",
             sibling),
         "torch.cuda.set_device(int(os.environ[\"LOCAL_RANK\"]))",
         {}});
  }
  if (!pids.empty() && sibling.empty()) {
    std::string listed = pids;
    std::replace(listed.begin(), listed.end(), ' ', ',');
    remedies.push_back({"look at who holds the memory, and end it if it is yours and not needed",
                        fmt::format("ps -o pid,user,etime,args -p {}\nkill {}", listed, pids),
                        {}});
  } else if (!sibling.empty()) {
    return;
  } else if (Mentions(c, R"(\bHIP\b|ROCm|rocm)")) {
    remedies.push_back({"find out who holds the card, and end it", "rocm-smi --showpids", {}});
  } else if (Mentions(c, R"(\bNPU\b)")) {
    remedies.push_back({"find out who holds the card, and end it", "npu-smi info", {}});
  } else {
    remedies.push_back(
        {"find out who holds the card, also outside this container, and end it",
         "nvidia-smi --query-compute-apps=gpu_uuid,pid,process_name,used_memory --format=csv",
         {}});
  }
  remedies.push_back(
      {"or run on a GPU that is free: its number is in the first column of nvidia-smi",
       "CUDA_VISIBLE_DEVICES=1",
       {}});
}

void AdviseNotMemory(const Case& c, const Job* job, std::vector<Remedy>& remedies) {
  if (Mentions(c, R"(CUDNN_STATUS|cuDNN)")) {
    remedies.push_back(
        {"compare the cuDNN that is loaded with the one that PyTorch was built against; a second "
         "package may have replaced it",
         "python -c 'import torch; print(torch.__version__, torch.backends.cudnn.version())'\n"
         "pip list | grep -i -E 'cudnn|torch'",
         {}});
    return;
  }
  if (Mentions(c, R"(out of resource: shared memory)")) {
    remedies.push_back(
        {"this is the small on-chip memory of one kernel: use smaller blocks or "
         "fewer pipeline stages in the Triton kernel (BLOCK_*, num_stages)",
         "",
         {}});
    return;
  }
  if (Mentions(c, R"(unable to mmap)")) {
    remedies.push_back(
        {"the process ran out of memory maps or file descriptors, not of memory: share tensors "
         "through files, or copy batches instead of keeping them",
         "ulimit -n 65536\npython -c 'import torch.multiprocessing as m; "
         "m.set_sharing_strategy(\"file_system\")'",
         {}});
    return;
  }
  if (Mentions(c, R"(1EB|1 ?EiB)")) {
    remedies.push_back(
        {"the size is garbage, which is what ranks that run different collectives "
         "read: find the rank that left the common path",
         "TORCH_DISTRIBUTED_DEBUG=DETAIL NCCL_DEBUG=INFO",
         {}});
    return;
  }
  if (Mentions(c, R"(failed to allocate [\d.]+G .*from device|disabled \()")) {
    remedies.push_back(
        {"nothing to repair: the program went on with less memory. If it should "
         "have more, see who else is on the card",
         "nvidia-smi",
         {}});
    return;
  }
  remedies.push_back(
      {"find the true error: run with synchronous launches, so that the line which "
       "fails is the line which is shown",
       WithEnvironment(job, "CUDA_LAUNCH_BLOCKING", "1"),
       {}});
  remedies.push_back({"or run one batch on the CPU, where an index out of range is named as such",
                      "CUDA_VISIBLE_DEVICES=\"\"",
                      {}});
}

}  // namespace vramcast::diagnosis
