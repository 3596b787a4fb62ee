// Attention by the ways that transformers knows: PyTorch's scaled_dot_product_attention with the
// kernel that it would choose, the flash-attn package, and matrix products ("eager").
#pragma once

#include <cstdint>

#include "models/context.h"

namespace vramcast::models {

enum class AttentionWay : uint8_t { kSdpa, kFlash, kEager };

struct Heads {
  int64_t batch = 0;
  int64_t sequence = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_size = 0;
};

// What the model hands to every layer: a mask of true and false for sdpa, of numbers for eager.
struct Mask {
  Tensor tensor;
  bool present = false;
};
Mask MakeMask(Context& c, AttentionWay way, int64_t batch, int64_t sequence, int64_t width,
              bool padded);

struct AttentionDetails {
  double dropout = 0;            // as trained with
  bool softmax_in_fp32 = false;  // by eager attention: llama's asks for it, gpt2's does not
};

// q [B, H, T, D], k and v [B, kv, T, D] -> [B, T, H x D].
Tensor Attend(Context& c, AttentionWay way, const Heads& heads, const Tensor& q, const Tensor& k,
              const Tensor& v, const Mask& mask, const AttentionDetails& details);

// Whether keys and values are repeated to all heads before the kernel (use_gqa_in_sdpa of
// transformers' sdpa_attention.py: not without a mask; eager always repeats).
bool RepeatsHeads(AttentionWay way, const Mask& mask, const Heads& heads);

}  // namespace vramcast::models
