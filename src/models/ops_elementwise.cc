#include <algorithm>
#include <memory>
#include <utility>

#include "models/ops.h"

namespace vramcast::models {
namespace {

Tensor GradientOf(Context& c, int64_t count, int64_t width) {
  return c.Fresh(Role::kActivationGradient, count, width);
}

Gradients One(Tensor tensor) {
  Gradients list;
  list.push_back(std::move(tensor));
  return list;
}

}  // namespace

Tensor Cast(Context& c, const Tensor& x, int64_t width, Role role) {
  if (x.width == width) return x;
  Tensor out = c.Fresh(role, x.count, width);
  c.Record(&out, {x.edge}, {x.width}, [&c, count = x.count, to = x.width](Gradients&) {
    return One(GradientOf(c, count, to));
  });
  return out;
}

Tensor AddScalar(Context& c, const Tensor& x, Role role) {
  Tensor out = c.Fresh(role, x.count, x.width);
  c.Record(&out, {x.edge}, {x.width}, [](Gradients& g) { return One(g[0]); });
  return out;
}

Tensor MulScalar(Context& c, const Tensor& x, Role role) {
  Tensor out = c.Fresh(role, x.count, x.width);
  c.Record(&out, {x.edge}, {x.width},
           [&c](Gradients& g) { return One(GradientOf(c, g[0].count, g[0].width)); });
  return out;
}

Tensor PowScalar(Context& c, const Tensor& x, Role role) {
  const bool wanted = x.wants_gradient();
  Saved saved = wanted ? c.Save(x) : Saved();
  Tensor out = c.Fresh(role, x.count, x.width);
  c.Record(&out, {x.edge}, {x.width}, [&c, saved = std::move(saved)](Gradients& g) mutable {
    const Tensor self = saved.Take(&c);
    const Tensor power = GradientOf(c, self.count, self.width);
    const Tensor scaled = GradientOf(c, self.count, self.width);
    return One(GradientOf(c, self.count, std::max(self.width, g[0].width)));
  });
  return out;
}

Tensor MeanOfRows(Context& c, const Tensor& x, int64_t rows) {
  Tensor out = c.Fresh(Role::kNormStatistic, rows, x.width);
  c.Record(&out, {x.edge}, {x.width}, [&c, count = x.count, width = x.width](Gradients&) {
    return One(GradientOf(c, count, width));
  });
  return out;
}

Tensor Rsqrt(Context& c, const Tensor& x) {
  Tensor out = c.Fresh(Role::kNormStatistic, x.count, x.width);
  if (!x.wants_gradient()) return out;
  c.Record(&out, {x.edge}, {x.width}, [&c, saved = c.Save(out)](Gradients&) mutable {
    const Tensor result = saved.Take(&c);
    const Tensor power = GradientOf(c, result.count, result.width);
    const Tensor scaled = GradientOf(c, result.count, result.width);
    return One(GradientOf(c, result.count, result.width));
  });
  return out;
}

Tensor Tanh(Context& c, const Tensor& x, Role role) {
  Tensor out = c.Fresh(role, x.count, x.width);
  if (!x.wants_gradient()) return out;
  c.Record(&out, {x.edge}, {x.width}, [&c, saved = c.Save(out)](Gradients&) mutable {
    const Tensor result = saved.Take(&c);
    return One(GradientOf(c, result.count, result.width));
  });
  return out;
}

Tensor Neg(Context& c, const Tensor& x, Role role) { return MulScalar(c, x, role); }

Tensor Slice(Context& c, const Tensor& x, int64_t count) {
  Tensor out = x;
  out.count = count;
  out.view = true;
  out.edge = {};
  c.Record(&out, {x.edge}, {x.width}, [&c, whole = x.count, width = x.width](Gradients&) {
    return One(GradientOf(c, whole, width));
  });
  return out;
}

std::array<Tensor, 3> SplitInThree(Context& c, const Tensor& x) {
  Tensor whole = x;
  whole.view = true;
  whole.edge = {};
  c.Record(&whole, {x.edge}, {x.width}, [&c, count = x.count, width = x.width](Gradients&) {
    return One(GradientOf(c, count, width));
  });
  std::array<Tensor, 3> parts = {whole, whole, whole};
  for (int i = 0; i < 3; ++i) {
    Tensor& part = parts[static_cast<size_t>(i)];
    part.count = x.count / 3;
    part.edge.slot = i;
  }
  return parts;
}

Tensor Cat(Context& c, const Tensor& a, const Tensor& b, Role role) {
  Tensor out = c.Fresh(role, a.count + b.count, a.width);
  c.Record(&out, {a.edge, b.edge}, {a.width, b.width},
           [first = a.count, second = b.count](Gradients& g) {
             Gradients made = {g[0], g[0]};
             made[0].count = first;
             made[1].count = second;
             made[0].view = made[1].view = true;
             return made;
           });
  return out;
}

Tensor Add(Context& c, const Tensor& a, const Tensor& b, Role role) {
  Tensor out = c.Fresh(role, std::max(a.count, b.count), std::max(a.width, b.width));
  // The gradient of what was broadcast is summed.
  const int64_t summed = b.wants_gradient() && b.count < a.count ? b.count : 0;
  c.Record(&out, {a.edge, b.edge}, {a.width, b.width}, [&c, summed](Gradients& g) {
    return Gradients{g[0], summed > 0 ? GradientOf(c, summed, g[0].width) : g[0]};
  });
  return out;
}

Tensor Mul(Context& c, const Tensor& a, const Tensor& b, Role role) {
  const bool a_wanted = a.wants_gradient();
  const bool b_wanted = b.wants_gradient();
  Saved saved_b = a_wanted ? c.Save(b) : Saved();
  Saved saved_a = b_wanted ? c.Save(a) : Saved();
  Tensor out = c.Fresh(role, std::max(a.count, b.count), std::max(a.width, b.width));
  c.Record(&out, {a.edge, b.edge}, {a.width, b.width},
           [&c, a_wanted, b_wanted, saved_a = std::move(saved_a),
            saved_b = std::move(saved_b)](Gradients& g) mutable {
             Gradients made(2);
             Tensor self, other;
             if (b_wanted) {
               self = saved_a.Take(&c);
               made[1] = GradientOf(c, g[0].count, std::max(g[0].width, self.width));
             }
             if (a_wanted) {
               other = saved_b.Take(&c);
               made[0] = GradientOf(c, g[0].count, std::max(g[0].width, other.width));
             }
             return made;
           });
  return out;
}

Tensor MulRows(Context& c, const Tensor& x, const Tensor& rows, Role role) {
  if (!x.wants_gradient()) return c.Fresh(role, x.count, x.width);
  Saved saved_rows = c.Save(rows);
  Saved saved_x = c.Save(x);
  Tensor out = c.Fresh(role, x.count, x.width);
  c.Record(&out, {x.edge, rows.edge}, {x.width, rows.width},
           [&c, n = rows.count, saved_x = std::move(saved_x),
            saved_rows = std::move(saved_rows)](Gradients& g) mutable {
             Gradients made(2);
             const Tensor self = saved_x.Take(&c);
             Tensor whole = GradientOf(c, g[0].count, g[0].width);
             const Tensor other = saved_rows.Take(&c);
             made[0] = GradientOf(c, g[0].count, g[0].width);
             made[1] = GradientOf(c, n, g[0].width);
             return made;
           });
  return out;
}

Tensor MulWeight(Context& c, Parameter* weight, const Tensor& x, Role role) {
  const bool x_wanted = x.wants_gradient();
  const bool weight_wanted = weight->trainable;
  Saved saved_x = weight_wanted ? c.Save(x) : Saved();
  Saved saved_weight = x_wanted ? c.Save(weight->data) : Saved();
  Tensor out = c.Fresh(role, x.count, std::max(x.width, weight->width));
  c.Record(&out, {x.edge, c.LeafOf(weight)}, {x.width, weight->width},
           [&c, weight, x_wanted, weight_wanted, saved_x = std::move(saved_x),
            saved_weight = std::move(saved_weight)](Gradients& g) mutable {
             Gradients made(2);
             Tensor x_again, weight_again;
             if (x_wanted) {
               weight_again = saved_weight.Take(&c);
               made[0] = GradientOf(c, g[0].count, g[0].width);
             }
             if (weight_wanted) {
               x_again = saved_x.Take(&c);
               const Tensor whole = GradientOf(c, g[0].count, g[0].width);
               made[1] = c.Fresh(Role::kGradient, weight->count, weight->width);
               c.Touch(Role::kReductionBuffer,
                       ColumnSumBuffer(c.machine(), weight->count, g[0].count / weight->count));
             }
             return made;
           });
  return out;
}

Tensor Activation(Context& c, const Tensor& x, Role role) {
  Saved saved = x.wants_gradient() ? c.Save(x) : Saved();
  Tensor out = c.Fresh(role, x.count, x.width);
  c.Record(&out, {x.edge}, {x.width}, [&c, saved = std::move(saved)](Gradients&) mutable {
    const Tensor self = saved.Take(&c);
    return One(GradientOf(c, self.count, self.width));
  });
  return out;
}

Tensor Dropout(Context& c, const Tensor& x, double p, Role role) {
  if (p <= 0) return x;
  Tensor mask = c.Fresh(Role::kDropoutMask, x.count, 1);
  Tensor out = c.Fresh(role, x.count, x.width);
  if (!x.wants_gradient()) return out;
  c.Record(&out, {x.edge}, {x.width}, [&c, saved = c.Save(mask)](Gradients& g) mutable {
    const Tensor kept = saved.Take(&c);
    return One(GradientOf(c, g[0].count, g[0].width));
  });
  return out;
}

Tensor View(Context& c, const Tensor& x) {
  Tensor out = x;
  out.view = true;
  out.edge = {};
  c.Record(&out, {x.edge}, {x.width}, [](Gradients& g) {
    g[0].view = true;
    return One(std::move(g[0]));
  });
  return out;
}

Tensor CopiedView(Context& c, const Tensor& x) {
  Tensor out = x;
  out.view = true;
  out.edge = {};
  c.Record(&out, {x.edge}, {x.width}, [&c](Gradients& g) {
    Tensor copy = GradientOf(c, g[0].count, g[0].width);
    copy.view = true;
    return One(std::move(copy));
  });
  return out;
}

Tensor RepeatHeads(Context& c, const Tensor& x, int64_t copies) {
  if (copies == 1) return x;
  Tensor out = c.Fresh(Role::kRepeated, x.count * copies, x.width);
  c.Record(&out, {x.edge}, {x.width},
           [&c, count = x.count](Gradients& g) { return One(GradientOf(c, count, g[0].width)); });
  return out;
}

}  // namespace vramcast::models
