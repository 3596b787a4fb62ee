// The operations that transformers' models are made of, each with what it allocates, saves and
// makes in the backward pass. Formulas: derivatives.yaml of PyTorch 2.9; orders as its generated
// code and kernels allocate.
#pragma once

#include <array>
#include <cstdint>

#include "models/context.h"

namespace vramcast::models {

Tensor Cast(Context& c, const Tensor& x, int64_t width, Role role);
Tensor AddScalar(Context& c, const Tensor& x, Role role);
// Gradients pass both unchanged.
inline Tensor Clone(Context& c, const Tensor& x, Role role) { return AddScalar(c, x, role); }
Tensor MulScalar(Context& c, const Tensor& x, Role role);
Tensor PowScalar(Context& c, const Tensor& x, Role role);
Tensor MeanOfRows(Context& c, const Tensor& x, int64_t rows);
Tensor Rsqrt(Context& c, const Tensor& x);
Tensor Tanh(Context& c, const Tensor& x, Role role);
Tensor Neg(Context& c, const Tensor& x, Role role);
// A stretch of `count` elements; a view.
Tensor Slice(Context& c, const Tensor& x, int64_t count);
// Three equal parts, views; their gradients are joined by a copy.
std::array<Tensor, 3> SplitInThree(Context& c, const Tensor& x);
Tensor Cat(Context& c, const Tensor& a, const Tensor& b, Role role);
Tensor Add(Context& c, const Tensor& a, const Tensor& b, Role role);
// Equal shapes, or `b` without a gradient of any broadcastable shape.
Tensor Mul(Context& c, const Tensor& a, const Tensor& b, Role role);
// Each row of `x` times one number of `rows`.
Tensor MulRows(Context& c, const Tensor& x, const Tensor& rows, Role role);
// A vector of weights times each row of `x`.
Tensor MulWeight(Context& c, Parameter* weight, const Tensor& x, Role role);
// One operation forward, one tensor backward, that saves its input: silu, gelu, relu.
Tensor Activation(Context& c, const Tensor& x, Role role);
Tensor Dropout(Context& c, const Tensor& x, double p, Role role);
Tensor LayerNorm(Context& c, const Tensor& x, Parameter* weight, Parameter* bias);
// x of `tokens` rows; `bias` may be null. Conv1D hands its arguments over in another order.
enum class ProductKind : uint8_t { kLinear, kConv1d };
Tensor Linear(Context& c, const Tensor& x, int64_t tokens, Parameter* weight, Parameter* bias,
              Role role, ProductKind kind = ProductKind::kLinear);
Tensor Embed(Context& c, Parameter* table, int64_t tokens, Role role);
// A view whose gradient arrives in another order and must be copied to be viewed back:
// transposed heads after a rotation or a repetition.
Tensor CopiedView(Context& c, const Tensor& x);
// As above, but the gradient needs no copy.
Tensor View(Context& c, const Tensor& x);
// `copies` times each head: expand and reshape.
Tensor RepeatHeads(Context& c, const Tensor& x, int64_t copies);

// Mean cross entropy of fp32 logits against shifted labels, as ForCausalLMLoss computes it, the
// upcast included. The result is one number.
Tensor CausalLoss(Context& c, const Tensor& logits, int64_t tokens, int64_t batch,
                  bool sum_over_items);

}  // namespace vramcast::models
