// What helps a PyTorch program, by cause and by the moment at which it died.
#include <fmt/format.h>

#include <cstdlib>

#include "command/edit.h"
#include "diagnosis/remedies.h"
#include "diagnosis/suspects.h"
#include "nanochat/flags.h"

namespace vramcast::diagnosis {
namespace {

using crashlog::Pattern;
using crashlog::Wording;

constexpr std::string_view kRecord =
    "torch.cuda.memory._record_memory_history(max_entries=1_000_000)\n"
    "# after some steps, or in `except torch.OutOfMemoryError`:\n"
    "torch.cuda.memory._dump_snapshot(\"oom.pickle\")\n"
    "# then, in a shell:\n"
    "vramcast snapshot oom.pickle";

bool IsNanochat(const Case& c, const Job* job) {
  return c.nanochat || (job != nullptr && job->launch().is_nanochat());
}

// nanochat's scripts ask for expandable segments, since December 2025 by a name that PyTorch 2.9's
// CUDA allocator does not read; later ones say it in their messages.
bool ScriptSwitchesThemOn(const Case& c, const Job* job) {
  if (!IsNanochat(c, job)) return false;
  if (AllocConfName(c) == "PYTORCH_ALLOC_CONF") return true;
  if (job == nullptr || !job->revision || !job->launch().stage) return false;
  return nanochat::AllocConfVariable(*job->revision, nanochat::ScriptOf(*job->launch().stage)) ==
         "PYTORCH_CUDA_ALLOC_CONF";
}

}  // namespace

void AdviseNanochat(const Case& c, std::vector<Remedy>& remedies) {
  if (c.event->pattern == Pattern::kEvaluation && c.event->phase == Phase::kCoreMetric) {
    remedies.push_back(
        {"no flag makes CORE's batches smaller: train without it, and evaluate the "
         "checkpoint afterwards on an empty card",
         "--core-metric-every=-1",
         {}});
  }
  if (c.loading_weights) {
    remedies.push_back(
        {"it died before the first batch, so only a smaller model helps (or more "
         "GPUs for the optimizer's state)",
         "vramcast fit --table",
         {}});
    return;
  }
  remedies.push_back(
      {"halve --device-batch-size (or --device_batch_size before January 2026); the "
       "total batch stays, by gradient accumulation. With the launch command "
       "vramcast computes the largest that fits",
       "vramcast diagnose LOG -- torchrun … -m scripts.base_train …",
       {}});
}

namespace {

void Fragmented(const Case& c, const Job* job, std::vector<Remedy>& remedies) {
  const std::string& version = c.event->version;
  const bool before_settings = version.starts_with("1.0") || version.starts_with("1.4");
  const bool before_expandable = c.figures.pool && c.event->reserved && !c.event->process_in_use;
  if (before_settings) {
    remedies.push_back(
        {"give cached blocks back where the phase changes (before validation, after "
         "the first long batch)",
         "torch.cuda.empty_cache()",
         {}});
  } else if (before_expandable) {
    remedies.push_back({"keep large blocks whole, so that large requests can use them again",
                        AllocConfName(c) + "=max_split_size_mb:512",
                        {}});
  } else if (c.expandable_segments || ScriptSwitchesThemOn(c, job)) {
    remedies.push_back(
        {"expandable segments are on already, so let batches have one shape: pad to "
         "a fixed length, or sort by length",
         "",
         {}});
  } else {
    const std::string setting = AllocConfName(c) + "=expandable_segments:True";
    std::string command = "export " + setting;
    if (job != nullptr) {
      const auto edited = command::SetEnvironment(job->script, job->launch(), AllocConfName(c),
                                                  "expandable_segments:True");
      if (edited) {
        command = edited->text;
      }
    }
    remedies.push_back(
        {"let PyTorch join its pieces (expandable segments); the program stays as it is",
         std::move(command),
         {}});
  }
}

void Grown(const Case& c, std::vector<Remedy>& remedies) {
  if (c.event->wording == Wording::kMps) {
    remedies.push_back({"give back the blocks that past shapes left behind, every few examples",
                        "torch.mps.empty_cache()",
                        {}});
    return;
  }
  for (const Suspect& suspect : FindSuspects(c)) {
    remedies.push_back(
        {fmt::format("{}: \"{}\" {}", suspect.line.source, suspect.line.text, suspect.why),
         "",
         {}});
  }
  remedies.push_back(
      {"record who allocates what grows; the snapshot names the line", std::string(kRecord), {}});
  remedies.push_back(
      {"look for tensors kept from step to step: a loss that is summed or appended "
       "without .item() or .detach(), outputs in a list, a replay memory on the GPU",
       "grep -nE '(loss|out|logits|pred)[a-z_]* *\\+=|append\\(' *.py",
       {}});
}

void TooLarge(const Case& c, std::vector<Remedy>& remedies) {
  if (c.loading_weights) {
    remedies.push_back(
        {"it died before the first batch, so the batch size does not matter: load in "
         "bf16 or quantised, or spread the model over the GPUs or the CPU",
         "model = AutoModel.from_pretrained(NAME, torch_dtype=torch.bfloat16, "
         "device_map=\"auto\")",
         {}});
    return;
  }
  switch (c.event->pattern) {
    case Pattern::kEvaluation:
      if (!c.no_grad) {
        remedies.push_back(
            {"make sure that evaluation keeps no graph: no frame of the traceback "
             "switches gradients off",
             "with torch.inference_mode():",
             {}});
      }
      remedies.push_back({"evaluate in smaller batches, and keep results on the CPU as they come",
                          "outputs.append(logits.argmax(-1).cpu())",
                          {}});
      return;
    default:
      break;
  }
  if (c.serving) {
    remedies.push_back(
        {"take less at a time: a shorter input, fewer sequences at once, or weights "
         "in a smaller type",
         "with torch.inference_mode():",
         {}});
    return;
  }
  remedies.push_back(
      {"halve the batch of one device and double gradient accumulation: the result "
       "of training stays the same",
       "",
       {}});
  remedies.push_back({"keep fewer activations: recompute each block in the backward pass",
                      "model.gradient_checkpointing_enable()  # or torch.utils.checkpoint",
                      {}});
  if (c.event->phase == Phase::kFirstOptimizerStep) {
    remedies.push_back(
        {"the optimizer's state is what was missing: shard it over the ranks, or use "
         "8-bit states",
         "optimizer = bitsandbytes.optim.AdamW8bit(model.parameters())",
         {}});
  }
}

void OneRequest(const Case& c, std::vector<Remedy>& remedies) {
  const auto& request = c.figures.requested;
  const std::string size = request ? FormatBytes(*request) : "this size";
  const auto& allocated = c.figures.allocated;
  if (request && allocated && std::abs((*request - *allocated).count()) * 100 < request->count()) {
    remedies.push_back({"a second copy of all that is allocated (" + size +
                            ") is being made: shard weights, gradients and optimizer state over "
                            "the ranks, so that no rank holds everything",
                        "torch.distributed.fsdp.fully_shard(model)  # or DeepSpeed ZeRO stage 3",
                        {}});
    return;
  }
  if (Mentions(c, R"(rand_strided|autotune|benchmark)")) {
    remedies.push_back({"switch the compiler's autotuning off: it copies inputs to measure kernels",
                        "TORCHINDUCTOR_MAX_AUTOTUNE=0",
                        {}});
  }
  if (Mentions(c, R"(attention|attn|sdpa|bmm|softmax)")) {
    remedies.push_back({"an attention matrix of " + size +
                            " grows with the square of the length: use fused attention, which "
                            "never builds it",
                        "torch.nn.functional.scaled_dot_product_attention(q, k, v)",
                        {}});
  } else if (Mentions(c, R"(logits|cross_entropy|lm_head|vocab)")) {
    remedies.push_back(
        {"logits take tokens × vocabulary: compute the loss over parts of the tokens",
         "for part in hidden.split(1024, dim=1): ...",
         {}});
  } else {
    remedies.push_back({"work through the tensor of " + size +
                            " in parts along one dimension, and see whether its shape is what you "
                            "meant (a broadcast, a length that was not cut)",
                        "for part in x.split(1024): ...",
                        {}});
  }
}

void Capped(const Case& c, std::vector<Remedy>& remedies) {
  if (c.figures.allowed) {
    remedies.push_back(
        {fmt::format("raise the limit of {} that this process was given, or take it away",
                     FormatBytes(*c.figures.allowed)),
         "grep -rn -E 'set_per_process_memory_fraction|per_process_memory_fraction' .\n"
         "torch.cuda.set_per_process_memory_fraction(1.0)",
         {}});
    return;
  }
  remedies.push_back({"raise the share of the card that the program was given",
                      "torch.cuda.set_per_process_memory_fraction(1.0)",
                      {}});
}

void Outside(const Case& c, std::vector<Remedy>& remedies) {
  if (c.event->wording == Wording::kNccl || Mentions(c, R"(NCCL WARN|ncclUnhandledCudaError)")) {
    remedies.push_back(
        {"leave NCCL some hundred MiB: its buffers come late and lie outside "
         "PyTorch's pool. Use a smaller batch or share, or make the buffers smaller",
         "NCCL_BUFFSIZE=2097152 NCCL_MAX_NCHANNELS=8",
         {}});
    return;
  }
  if (c.event->wording == Wording::kMps) {
    remedies.push_back(
        {"end other users of the GPU's memory in this process (other frameworks, "
         "images, windows), and give back what PyTorch caches",
         "torch.mps.empty_cache()",
         {}});
    return;
  }
  if (c.figures.private_pools && *c.figures.private_pools > Bytes()) {
    remedies.push_back(
        {"free or do without private pools: CUDA graphs and sleep modes keep memory "
         "that nothing else can use",
         "torch.compile(model, mode=\"default\")  # without CUDA graphs",
         {}});
    return;
  }
  remedies.push_back(
      {"see what this process holds beside PyTorch: a library with its own allocator "
       "(tiny-cuda-nn, CuPy, TensorRT, DeepSpeed kernels), NCCL, kernels loaded all "
       "at once",
       "CUDA_MODULE_LOADING=LAZY",
       {}});
  remedies.push_back(
      {"give PyTorch's cache back before the library allocates", "torch.cuda.empty_cache()", {}});
}

void Refused(const Case& c, const Job* job, std::vector<Remedy>& remedies) {
  const bool expandable = c.expandable_segments || c.event->wording == Wording::kDriverError;
  if (expandable && !IsNanochat(c, job)) {
    remedies.push_back(
        {"switch expandable segments off: drivers on WSL2 and Jetson refuse their "
         "virtual-memory calls although memory is free",
         "unset PYTORCH_CUDA_ALLOC_CONF PYTORCH_ALLOC_CONF",
         {}});
  }
  const bool windows = Mentions(c, R"(17179869184|WSL|microsoft-standard|\bC:\\)");
  if (windows) {
    remedies.push_back(
        {"Windows gives one process only part of the card: in WSL allow more memory "
         "in .wslconfig, and update the driver",
         "wsl --shutdown",
         {}});
  }
  remedies.push_back(
      {"do not make the batch smaller: there was room. See whether the driver is "
       "well, and run again on a fresh process",
       "nvidia-smi -q -d MEMORY,ECC,PAGE_RETIREMENT\nsudo dmesg | grep -i -E 'xid|nvrm'",
       {}});
}

}  // namespace

void AdvisePytorch(const Case& c, Cause cause, const Job* job, std::vector<Remedy>& remedies) {
  switch (cause) {
    case Cause::kCapacity:
    case Cause::kRequestTooLarge:
      if (!IsNanochat(c, job)) {
        cause == Cause::kCapacity ? TooLarge(c, remedies) : OneRequest(c, remedies);
      } else if (job == nullptr) {
        AdviseNanochat(c, remedies);
      }
      break;
    case Cause::kFragmentation:
      Fragmented(c, job, remedies);
      break;
    case Cause::kGrowthOverTime:
      Grown(c, remedies);
      break;
    case Cause::kSoftwareCap:
      Capped(c, remedies);
      break;
    case Cause::kOutsidePytorchPool:
      Outside(c, remedies);
      break;
    case Cause::kSettingOrDriverFault:
      Refused(c, job, remedies);
      break;
    default:
      remedies.push_back(
          {"see what is on the card and how full it is, then run again with the whole "
           "output kept",
           "nvidia-smi\nvramcast check",
           {}});
      break;
  }
}

}  // namespace vramcast::diagnosis
