// The size of nanochat's model: how width and heads follow from depth, how far each layer looks
// back, and how many parameters of each kind that makes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "nanochat/family.h"

namespace vramcast::nanochat {

// In elements and tokens.
struct ModelDims {
  int64_t n_layer = 0, n_embd = 0, n_head = 0, n_kv_head = 0, head_dim = 0;
  int64_t sequence_len = 0;  // that the model was built for: rotary buffers hold ten times as much
  int64_t vocab_size = 0, padded_vocab_size = 0;
  std::vector<int64_t> windows;  // tokens each layer looks back; sequence_len or more: all of them

  int64_t kv_dim() const { return n_kv_head * head_dim; }
  bool has_short_windows() const;
};

// As base_train builds it. All arguments above zero; `pattern` has only S and L, in either case.
ModelDims DimsOf(const Family& family, int64_t depth, int64_t aspect_ratio, int64_t head_dim,
                 int64_t sequence_len, int64_t vocab_size, std::string_view pattern);

// Whether layer `layer` has a value embedding.
bool HasValueEmbedding(const Family& family, int64_t layer, int64_t n_layer);

// Numbers of elements.
struct ParameterCounts {
  int64_t wte = 0, bigram = 0, value_embeds = 0, lm_head = 0, matrices = 0, scalars = 0;

  int64_t total() const { return wte + bigram + value_embeds + lm_head + matrices + scalars; }
};
ParameterCounts CountParameters(const Family& family, const ModelDims& dims);

// The parameters that the training horizon is a multiple of.
int64_t ScalingParameters(const Family& family, const ParameterCounts& counts);

// base_train's estimate of floating point operations a token, forward and backward.
double FlopsPerToken(const ModelDims& dims, const ParameterCounts& counts);

}  // namespace vramcast::nanochat
