#include "nanochat/dims.h"

#include <algorithm>
#include <cmath>

namespace vramcast::nanochat {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// find_num_heads of base_train (January 2026): the divisor of model_dim nearest to the ideal, the
// larger of two equally near ones. The ideal is rounded half to even, as Python does.
int64_t NearestDivisor(int64_t model_dim, int64_t head_dim) {
  const double exact = static_cast<double>(model_dim) / static_cast<double>(head_dim);
  const int64_t ideal = std::max<int64_t>(1, std::llrint(exact));
  for (int64_t offset = 0; offset < model_dim; ++offset) {
    for (const int64_t candidate : {ideal + offset, ideal - offset}) {
      if (candidate > 0 && model_dim % candidate == 0) return candidate;
    }
  }
  return 1;
}

}  // namespace

bool ModelDims::has_short_windows() const {
  return std::any_of(windows.begin(), windows.end(),
                     [this](int64_t window) { return window < sequence_len; });
}

ModelDims DimsOf(const Family& family, int64_t depth, int64_t aspect_ratio, int64_t head_dim,
                 int64_t sequence_len, int64_t vocab_size, std::string_view pattern) {
  ModelDims dims;
  dims.n_layer = depth;
  dims.n_embd = depth * aspect_ratio;
  switch (family.head_rule) {
    case HeadRule::kCeil128:
      dims.n_head = CeilDiv(dims.n_embd, head_dim);
      break;
    case HeadRule::kNearestDivisor:
      dims.n_head = NearestDivisor(dims.n_embd, head_dim);
      break;
    case HeadRule::kRoundUpDim:
      dims.n_embd = CeilDiv(dims.n_embd, head_dim) * head_dim;
      dims.n_head = dims.n_embd / head_dim;
      break;
  }
  dims.n_kv_head = dims.n_head;
  dims.head_dim = dims.n_embd / dims.n_head;
  dims.sequence_len = sequence_len;
  dims.vocab_size = vocab_size;
  dims.padded_vocab_size = CeilDiv(vocab_size, family.pad_vocab_to) * family.pad_vocab_to;

  const int64_t multiple = family.short_window_multiple;
  const int64_t short_window =
      multiple == 1
          ? sequence_len / family.short_window_divisor
          : CeilDiv(CeilDiv(sequence_len, family.short_window_divisor), multiple) * multiple;
  dims.windows.assign(static_cast<size_t>(depth), sequence_len);
  for (size_t layer = 0; layer + 1 < dims.windows.size(); ++layer) {
    const char letter = pattern.empty() ? 'L' : pattern[layer % pattern.size()];
    if (letter == 'S' || letter == 's') dims.windows[layer] = short_window;
  }
  return dims;
}

bool HasValueEmbedding(const Family& family, int64_t layer, int64_t n_layer) {
  return family.value_embeddings == ValueEmbeddings::kAlternating && layer % 2 == (n_layer - 1) % 2;
}

ParameterCounts CountParameters(const Family& family, const ModelDims& dims) {
  const int64_t width = dims.n_embd, kv = dims.kv_dim(), query = dims.n_head * dims.head_dim;
  const int64_t value_layers =
      family.value_embeddings == ValueEmbeddings::kNone ? 0 : CeilDiv(dims.n_layer, 2);
  ParameterCounts counts;
  counts.wte = counts.lm_head = dims.padded_vocab_size * width;
  counts.bigram = family.bigram_multiple * dims.vocab_size * width;
  counts.value_embeds = value_layers * dims.padded_vocab_size * kv;
  counts.matrices =
      dims.n_layer * (width * query + 2 * width * kv + width * width + 8 * width * width) +
      value_layers * family.ve_gate_channels * dims.n_kv_head;
  const int64_t lambdas = (family.lambdas ? 2 : 0) + (family.bigram_multiple > 0 ? 1 : 0);
  counts.scalars = lambdas * dims.n_layer + (family.smear_backout ? 24 + 1 + 1 : 0);
  return counts;
}

int64_t ScalingParameters(const Family& family, const ParameterCounts& counts) {
  return family.horizon_by_matrices ? counts.matrices + counts.lm_head : counts.total();
}

double FlopsPerToken(const ModelDims& dims, const ParameterCounts& counts) {
  double attention = 0;
  for (const int64_t window : dims.windows) {
    attention += 12.0 * static_cast<double>(dims.n_head * dims.head_dim) *
                 static_cast<double>(std::min(window, dims.sequence_len));
  }
  return 6.0 * static_cast<double>(counts.matrices + counts.lm_head) + attention;
}

}  // namespace vramcast::nanochat
