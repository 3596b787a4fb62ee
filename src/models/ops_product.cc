#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "models/ops.h"

namespace vramcast::models {
namespace {

// A 16-bit gradient of a matrix that autocast took from fp32 is cast later.
Role GradientRole(const Parameter& weight, int64_t width) {
  return weight.width == width ? Role::kGradient : Role::kLowPrecisionGradient;
}

struct ProductState {
  // Released from the last to the first: mm's weight before its input, addmm's after it.
  std::array<Saved, 2> saved;
  bool with_bias = false;
  bool wants_input = false;
  bool wants_weight = false;
  bool wants_bias = false;
  bool turns_weight = false;  // multiplies with the transposed weight
  int64_t tokens = 0;
  int64_t in = 0;
  int64_t out = 0;
  int64_t width = 0;
  Role weight_role = Role::kGradient;

  Saved& input() { return saved[with_bias ? 1 : 0]; }
  Saved& weight() { return saved[with_bias ? 0 : 1]; }
};

Tensor WeightGradient(Context& c, const ProductState& s) {
  Tensor made = c.Fresh(s.weight_role, s.in * s.out, s.width);
  made.view = s.turns_weight;  // TBackward0
  c.UseCublas();
  return made;
}

Tensor InputGradient(Context& c, const ProductState& s) {
  Tensor made = c.Fresh(Role::kActivationGradient, s.tokens * s.in, s.width);
  made.view = true;  // mm's result, seen as [batch, sequence, channels]
  c.UseCublas();
  return made;
}

Gradients ProductBackward(Context& c, ProductState& s) {
  Gradients made(3);
  Tensor input, weight;
  if (s.wants_weight) input = s.input().Take(&c);
  if (s.wants_input) weight = s.weight().Take(&c);
  if (s.with_bias) {  // AddmmBackward0: mat1, mat2, self
    if (s.wants_input) made[0] = InputGradient(c, s);
    if (s.wants_weight) made[1] = WeightGradient(c, s);
    input = {};
    if (s.wants_bias) {
      made[2] = c.Fresh(s.weight_role, s.out, s.width);
      c.Touch(Role::kReductionBuffer, ColumnSumBuffer(c.machine(), s.out, s.tokens));
    }
  } else {  // MmBackward0: mat2, self
    if (s.wants_weight) made[1] = WeightGradient(c, s);
    if (s.wants_input) made[0] = InputGradient(c, s);
  }
  return made;
}

}  // namespace

Tensor Linear(Context& c, const Tensor& x, int64_t tokens, Parameter* weight, Parameter* bias,
              Role role, ProductKind kind) {
  Tensor w, b, input = x;
  const auto cast_input = [&] {
    if (c.autocast()) input = Cast(c, x, 2, Role::kInputCopy);
  };
  // Arguments are cast from the last to the first.
  if (bias && kind == ProductKind::kLinear) b = c.ForProduct(bias);
  w = c.ForProduct(weight);
  cast_input();
  if (bias && kind == ProductKind::kConv1d) b = c.ForProduct(bias);

  auto state = std::make_shared<ProductState>();
  state->wants_input = input.wants_gradient();
  state->wants_weight = w.wants_gradient();
  state->wants_bias = bias && b.wants_gradient();
  state->tokens = tokens;
  state->out = weight->rows;
  state->in = weight->count / std::max<int64_t>(weight->rows, 1);
  state->width = w.width;
  state->weight_role = GradientRole(*weight, w.width);
  state->turns_weight = kind == ProductKind::kLinear;
  state->with_bias = bias != nullptr;
  if (state->wants_weight) state->input() = c.Save(input);
  if (state->wants_input) state->weight() = c.Save(w);
  Tensor out = c.Fresh(role, tokens * weight->rows, w.width);
  if (bias) {
    c.UseCublasLt();
  } else {
    c.UseCublas();
  }
  c.Record(&out, {input.edge, w.edge, bias ? b.edge : Edge{}},
           {input.width, w.width, bias ? b.width : w.width},
           [&c, state](Gradients&) { return ProductBackward(c, *state); });
  return out;
}

Tensor LayerNorm(Context& c, const Tensor& input, Parameter* weight, Parameter* bias) {
  // layer_norm is among autocast's fp32 operations (autocast_mode.h).
  const Tensor x = c.autocast() ? Cast(c, input, 4, Role::kUpcast) : input;
  const bool wants_input = x.wants_gradient();
  const bool wanted = wants_input || weight->trainable;
  Saved saved = wanted ? c.Save(x) : Saved();
  const int64_t rows = x.count / weight->count;
  Tensor out = c.Fresh(Role::kNormed, x.count, x.width);
  Tensor mean = c.Fresh(Role::kNormStatistic, rows, 4);
  Tensor deviation = c.Fresh(Role::kNormStatistic, rows, 4);
  if (!wanted) return out;
  Saved saved_mean = c.Save(mean), saved_deviation = c.Save(deviation);
  c.Record(&out, {x.edge, c.LeafOf(weight), bias ? c.LeafOf(bias) : Edge{}},
           {x.width, weight->width, bias ? bias->width : weight->width},
           // Released from the last to the first.
           [&c, weight, bias, wants_input, saved_deviation = std::move(saved_deviation),
            saved_mean = std::move(saved_mean), saved = std::move(saved)](Gradients& g) mutable {
             Gradients made(3);
             const Tensor self = saved.Take(&c);
             const Tensor m = saved_mean.Take(&c);
             const Tensor d = saved_deviation.Take(&c);
             if (wants_input) made[0] = c.Fresh(Role::kActivationGradient, g[0].count, self.width);
             if (weight->trainable) {
               made[1] = c.Fresh(Role::kGradient, weight->count, weight->width);
             }
             if (bias && bias->trainable) {
               made[2] = c.Fresh(Role::kGradient, bias->count, bias->width);
             }
             return made;
           });
  return out;
}

Tensor Embed(Context& c, Parameter* table, int64_t tokens, Role role) {
  const int64_t channels = table->count / std::max<int64_t>(table->rows, 1);
  Tensor out = c.Fresh(role, tokens * channels, table->width);
  c.Record(&out, {c.LeafOf(table)}, {table->width}, [&c, table, tokens, channels](Gradients&) {
    Gradients made;
    // Up to 3,072 indices are added directly; more are sorted first, and rows that many tokens
    // share are summed in pieces of ten (Embedding.cu, EmbeddingBackwardKernel.cu).
    constexpr int64_t kDirect = 3072;
    constexpr int64_t kRowsPerThread = 10;
    const bool sorted = tokens > kDirect;
    const Tensor indices = c.Fresh(Role::kTemporary, sorted ? tokens : 0, 8);
    const Tensor origins = c.Fresh(Role::kTemporary, sorted ? tokens : 0, 8);
    made.push_back(c.Fresh(Role::kGradient, table->count, table->width));
    if (sorted) {
      const Tensor segments = c.Fresh(Role::kTemporary, 2 * tokens, 8);
      const int64_t pieces = tokens / kRowsPerThread + std::min(tokens, table->rows);
      c.Touch(Role::kTemporary, pieces * channels * 4);
    }
    return made;
  });
  return out;
}

Tensor CausalLoss(Context& c, const Tensor& logits, int64_t tokens, int64_t batch,
                  bool sum_over_items) {
  Tensor labels, padded;  // go after the upcast logits
  const Tensor upcast = Cast(c, logits, 4, Role::kLogitsFp32);
  padded = c.Fresh(Role::kLossStatistic, tokens + batch, 8);
  labels = c.Fresh(Role::kLossStatistic, tokens, 8);
  const int64_t count = upcast.count;
  const auto gradient = [&c, count] { return c.Fresh(Role::kLogitsGradient, count, 4); };

  Tensor log_probabilities = c.Fresh(Role::kLogProbabilities, count, 4);
  c.Record(&log_probabilities, {upcast.edge}, {4},
           [gradient, kept = log_probabilities.storage](Gradients&) {
             Gradients made;
             made.push_back(gradient());
             return made;
           });
  Tensor loss = c.Fresh(Role::kLossStatistic, 1, 4);
  const Tensor weight = c.Fresh(Role::kLossStatistic, 1, 4);
  c.Record(&loss, {log_probabilities.edge}, {4},
           [gradient, kept_labels = labels.storage, kept_weight = weight.storage,
            kept = log_probabilities.storage](Gradients&) {
             Gradients made;
             made.push_back(gradient());
             return made;
           });
  // Trainer divides the sum by the number of items itself.
  return sum_over_items ? MulScalar(c, loss, Role::kLossStatistic) : loss;
}

}  // namespace vramcast::models
