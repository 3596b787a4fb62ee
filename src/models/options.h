// How a model is trained: what a person chooses beside the model itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/attention.h"

namespace vramcast::models {

enum class Precision : uint8_t {
  kBf16,  // weights, gradients and states in bf16
  kAmp,   // fp32 weights under torch.autocast(bfloat16)
  kFp32,
};
enum class OptimizerKind : uint8_t { kAdamW, kAdamWFused, kAdamW8bit, kSgd, kAdafactor, kMuon };
enum class Parallel : uint8_t { kNone, kDdp, kFsdp1, kFsdp2, kZero1, kZero2, kZero3 };
// Whether transformers makes a mask for sdpa: it does where a batch is padded or packed.
enum class MaskKind : uint8_t { kPadded, kNone };

Result<Precision> ParsePrecision(std::string_view text);
Result<OptimizerKind> ParseOptimizer(std::string_view text);
Result<Parallel> ParseParallel(std::string_view text);
Result<AttentionWay> ParseAttention(std::string_view text);
Result<MaskKind> ParseMask(std::string_view text);
std::string_view Name(Precision precision);
std::string_view Name(OptimizerKind optimizer);
std::string_view Name(Parallel parallel);
std::string_view Name(AttentionWay way);
std::string_view Name(MaskKind mask);

struct Lora {
  int64_t rank = 0;  // 0: all weights are trained
  // Names of the projections that get adapters: "q_proj", "v_proj", "c_attn"; "all-linear".
  std::vector<std::string> targets;
};

struct TrainingOptions {
  int64_t batch_size = 1;  // per device
  // Length of each step's batch in turn; a single value stands for every step.
  std::vector<int64_t> sequence_lengths = {1024};
  Precision precision = Precision::kBf16;
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  bool checkpointing = false;
  int64_t accumulation = 1;
  Lora lora;
  bool compile = false;
  Parallel parallel = Parallel::kNone;
  int64_t world_size = 1;
  AttentionWay attention = AttentionWay::kSdpa;
  MaskKind mask = MaskKind::kPadded;
};

}  // namespace vramcast::models
