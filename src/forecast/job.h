// A Job is one run as the trace writers see it: the resolved configuration, the tensors of the
// model, and what the card and PyTorch will choose for them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "allocator/settings.h"
#include "forecast/forecast.h"
#include "gpu/card.h"
#include "nanochat/run_config.h"
#include "nanochat/shape.h"

namespace vramcast::forecast {

// The kernel that PyTorch 2.9 picks for scaled_dot_product_attention (sdp_utils.cpp): flash needs
// compute capability 8.0, 16-bit numbers and no mask; memory-efficient takes masks and fp32, and
// bf16 from 8.0 on; math takes anything.
enum class AttentionKernel : uint8_t { kFa3, kFlash, kMemoryEfficient, kMath };

struct LayerParameters {
  int c_q = -1, c_k = -1, c_v = -1, c_proj = -1, fc = -1, mlp_proj = -1, ve_gate = -1;
  int value_embedding = -1;
};

struct Job {
  nanochat::RunConfig config;
  nanochat::Shapes shapes;
  CodeChanges changes;
  AllocatorSettings environment;  // what PYTORCH_CUDA_ALLOC_CONF said before the script ran
  int capability = 90;            // times ten
  int multiprocessors = 132;      // of an H100 where the card is not known

  // By role: indices into shapes.parameters, -1 where the model has none.
  std::vector<LayerParameters> layers;
  int wte = -1, lm_head = -1, smear_gate = -1, bigram = -1;
  std::vector<int> scalars;  // lambdas and the like

  const nanochat::Family& family() const { return *config.revision.family; }
  int64_t batch() const { return *config.device_batch_size; }
  int64_t seq() const { return *config.max_seq_len; }
  int64_t tokens() const { return batch() * seq(); }
  int64_t width() const { return config.model.n_embd; }
  int64_t heads() const { return config.model.n_head; }
  int64_t vocab() const { return config.model.padded_vocab_size; }
  int64_t world() const { return *config.world_size; }
  bool fp32() const { return *config.dtype == nanochat::Dtype::kFp32; }
  int64_t act() const { return nanochat::SizeOf(*config.dtype); }  // bytes per activation
  int64_t unit() const { return act() * tokens() * width(); }      // one activation of the width

  // True where layer `i` needs an explicit mask: a window without FA3.
  bool masked(int64_t layer) const;
  AttentionKernel kernel(int64_t layer) const { return kernel(masked(layer)); }
  AttentionKernel kernel(bool masked) const;
  // Whether torch.compile takes the model: graphs with bf16 inputs are skipped on cards without
  // bf16 (compile_fx.py, _check_triton_bf16_support), which leaves the eager program.
  bool compiles() const { return capability >= 80 || *config.dtype != nanochat::Dtype::kBf16; }
  // cuBLAS: 32 MiB on compute capability 9.x, else :4096:2:16:8 = 8,519,680 bytes (PyTorch 2.9,
  // CublasHandlePool.cpp).
  int64_t workspace() const { return capability / 10 == 9 ? 33554432 : 8519680; }
  // Logits are cut to the tokenizer's entries where the head was padded: the loss then has a
  // gradient of its own, in fp32, which is padded into the head's. Inductor rounds its rows up to
  // 128 bytes (comprehensive_padding). Zero where nothing is cut.
  int64_t cut_logits_bytes() const;
  // A chunked loss works on an eighth of the tokens at a time where operations run one by one.
  // Inductor fuses what reads the same targets across the parts, so that all of them exist at once
  // and nothing is saved (dry run of 4346536).
  int64_t eager_logit_tokens() const {
    return changes.chunked_loss ? (tokens() + 7) / 8 : tokens();
  }

  // All that the card decides about the trace.
  struct CardTraits {
    nanochat::Attention attention;
    nanochat::Dtype dtype;
    bool compiles;
    int64_t workspace;
    AttentionKernel masked_kernel, full_kernel;
    int64_t key_splits;  // 0 where no kernel splits its keys
    bool operator==(const CardTraits&) const = default;
  };
  CardTraits card_traits() const;

  // cuBLASLt's own, for scaled_mm: 1 MiB (CUDABlas.cpp, _getWorkspaceSize).
  static constexpr int64_t kLtWorkspace = 1048576;
};

Job MakeJob(nanochat::RunConfig config, const std::optional<gpu::Card>& card,
            CodeChanges changes = {});

// The allocator as the run has it. nanochat's scripts ask for expandable segments themselves; since
// December 2025 by PYTORCH_ALLOC_CONF, which PyTorch 2.9's CUDA allocator does not read.
AllocatorSettings SettingsOf(const Job& job);

}  // namespace vramcast::forecast
