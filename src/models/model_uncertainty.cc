#include "models/model_uncertainty.h"

#include <algorithm>
#include <utility>

namespace vramcast::models {

std::vector<forecast::Uncertainty> Uncertainties(const ModelRequest& request, const Run& run,
                                                 std::optional<Bytes> without_mask) {
  const ModelConfig& model = request.config;
  const TrainingOptions& options = request.options;
  const Bytes peak = run.peak.allocated;
  std::vector<forecast::Uncertainty> list;
  const auto share = [&](double part) {
    return Bytes(static_cast<int64_t>(static_cast<double>(peak.count()) * part));
  };
  const auto add = [&](std::string reason, double low, double high) {
    list.push_back({std::move(reason), share(low), share(high)});
  };
  // Emulated runs of PyTorch 2.9 and 2.15 differ by 1.2 % for one program.
  list.push_back(
      {"versions of PyTorch and transformers differ", share(0.015), share(0.01) + Bytes(24 << 20)});
  if (without_mask) {
    list.push_back({"batches without padding need no mask",
                    std::max(peak - *without_mask, Bytes(0)),
                    std::max(*without_mask - peak, Bytes(0))});
  }
  if (!model.known) add("the architecture is not known", 0.15, 0.25);
  if (!request.card) {
    list.push_back({"no GPU was named: Hopper was assumed", Bytes(48 << 20), share(0.005)});
  }
  if (options.attention != AttentionWay::kSdpa) {
    add("this attention was seen in few traces", 0.03, 0.03);
  }
  if (options.compile) {
    const bool seen = model.family == Family::kLlama && options.precision == Precision::kBf16 &&
                      !options.checkpointing && options.attention == AttentionWay::kSdpa;
    add("what the compiler keeps depends on its version", seen ? 0.02 : 0.1, seen ? 0.02 : 0.1);
  }
  if (options.lora.rank > 0) add("versions of peft differ in what adapters cast", 0.05, 0.05);
  switch (options.optimizer) {
    case OptimizerKind::kSgd:
      list.push_back({"without momentum SGD keeps nothing",
                      run.composition.by_category[static_cast<size_t>(Category::kOptimizer)],
                      Bytes(0)});
      break;
    case OptimizerKind::kAdafactor:
      add("PyTorch's Adafactor was taken; transformers' own works in fp32", 0.0, 0.02);
      break;
    case OptimizerKind::kAdamW:
    case OptimizerKind::kAdamWFused:
    case OptimizerKind::kAdamW8bit:
    case OptimizerKind::kMuon:
      break;
  }
  switch (options.parallel) {
    case Parallel::kNone:
      break;
    case Parallel::kDdp:
      add("when DDP's buckets are made again", 0.03, 0.03);
      break;
    case Parallel::kFsdp1:
    case Parallel::kFsdp2:
      add("how far layers are gathered ahead", 0.1, 0.12);
      break;
    case Parallel::kZero1:
    case Parallel::kZero2:
    case Parallel::kZero3:
      add("DeepSpeed's buckets are a matter of its configuration", 0.15, 0.15);
      break;
  }
  return list;
}

}  // namespace vramcast::models
