#include "models/attention.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "models/ops.h"

namespace vramcast::models {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundTo(int64_t value, int64_t step) { return CeilDiv(value, step) * step; }

// The workspace of the memory-efficient backward kernel (kernel_backward.h): per head one fp32 tile
// with its lock (16 bytes) for each block of queries and of columns. Tiles measured with head sizes
// 64, 128 and 256. Above 128, 16-bit keys and values need accumulators too.
int64_t EfficientWorkspace(const Heads& h, int64_t width) {
  const int64_t queries = h.head_size <= 64 ? 64 : 128;
  const int64_t columns = width == 4 ? 64 : queries;
  int64_t bytes =
      CeilDiv(h.sequence, queries) * CeilDiv(h.head_size, columns) * (queries * columns * 4 + 16);
  if (h.head_size > 128 && width == 2) {
    const int64_t splits =
        std::max<int64_t>(1, std::min(CeilDiv(h.sequence, 64), 200 / (h.batch * h.heads)));
    bytes += splits * 2 * 64 * RoundTo(h.head_size, 64) * 4;
  }
  return h.batch * h.heads * bytes;
}

struct KernelState {
  Saved out, statistic, v, q, k, bias;  // released from the last to the first
};

Tensor RunKernel(Context& c, const Heads& h, const Tensor& q, const Tensor& k, const Tensor& v,
                 const Tensor* bias, bool flash, bool dropout) {
  auto state = std::make_shared<KernelState>();
  const bool wanted = q.wants_gradient() || k.wants_gradient() || v.wants_gradient();
  if (wanted) {
    state->q = c.Save(q);
    state->k = c.Save(k);
    state->v = c.Save(v);
    if (bias) state->bias = c.Save(*bias);
  }
  const int64_t rows = h.batch * h.heads;
  Tensor out = c.Fresh(Role::kAttentionOut, rows * h.sequence * h.head_size, q.width);
  Tensor statistic =
      c.Fresh(Role::kLogSumExp, rows * (flash ? h.sequence : RoundTo(h.sequence, 32)), 4);
  if (flash || dropout) c.Touch(Role::kSmall, 16);  // state of the random numbers
  if (!wanted) return out;
  state->out = c.Save(out);
  state->statistic = c.Save(statistic);
  c.Record(&out, {q.edge, k.edge, v.edge}, {q.width, k.width, v.width},
           [&c, h, flash, state, rows](Gradients&) {
             const Tensor mask = state->bias.Take(&c);
             const Tensor query = state->q.Take(&c);
             const Tensor key = state->k.Take(&c);
             const Tensor value = state->v.Take(&c);
             const Tensor log_sum = state->statistic.Take(&c);
             const Tensor result = state->out.Take(&c);
             const auto fresh = [&](int64_t count, int64_t width) {
               return c.Fresh(Role::kActivationGradient, count, width);
             };
             Gradients made(3);
             made[0] = fresh(query.count, query.width);
             made[1] = fresh(key.count, key.width);
             made[2] = fresh(value.count, value.width);
             if (!flash) {
               Tensor workspace, delta;  // the sums of rows go first
               if (query.width == 4) {
                 // Of 16-bit numbers the kernel itself multiplies and sums (kKernelComputesDelta).
                 const Tensor product = c.Fresh(Role::kAttentionWorkspace, query.count, 4);
                 const Tensor sums = c.Fresh(Role::kAttentionWorkspace, rows * h.sequence, 4);
                 delta = c.Fresh(Role::kAttentionWorkspace, rows * h.sequence, 4);
               } else {
                 delta = c.Fresh(Role::kAttentionWorkspace, rows * RoundTo(h.sequence, 32), 4);
               }
               workspace =
                   c.Fresh(Role::kAttentionWorkspace, EfficientWorkspace(h, query.width), 1);
               return made;
             }
             // flash_api.cpp, mha_bwd: fp32 sums of the query's gradient, and gradients of
             // repeated keys and values before they are added up.
             const int64_t padded = RoundTo(h.sequence, 128);
             const Tensor delta = c.Fresh(Role::kAttentionWorkspace, rows * padded, 4);
             const Tensor sums =
                 c.Fresh(Role::kAttentionWorkspace, rows * padded * RoundTo(h.head_size, 32), 4);
             const bool grouped = h.kv_heads != h.heads && key.count != query.count;
             const Tensor keys = fresh(grouped ? query.count : 0, query.width);
             const Tensor values = fresh(grouped ? query.count : 0, query.width);
             return made;
           });
  return out;
}

// Two tensors' batched product; `made` elements of their width.
Tensor BatchedProduct(Context& c, const Tensor& a, const Tensor& b, int64_t made, Role role) {
  Saved saved_a = b.wants_gradient() ? c.Save(a) : Saved();
  Saved saved_b = a.wants_gradient() ? c.Save(b) : Saved();
  Tensor out = c.Fresh(role, made, std::min(a.width, b.width));
  c.UseCublas();
  c.Record(&out, {a.edge, b.edge}, {a.width, b.width},
           [&c, a_count = a.count, b_count = b.count, width = out.width,
            a_wants = a.wants_gradient(), b_wants = b.wants_gradient(),
            saved_a = std::move(saved_a), saved_b = std::move(saved_b)](Gradients&) mutable {
             const Tensor left = saved_a.Take(&c);
             const Tensor right = saved_b.Take(&c);
             Gradients gradients(2);
             if (b_wants) gradients[1] = c.Fresh(Role::kActivationGradient, b_count, width);
             if (a_wants) gradients[0] = c.Fresh(Role::kActivationGradient, a_count, width);
             c.UseCublas();
             return gradients;
           });
  return out;
}

Tensor Softmax(Context& c, const Tensor& x) {
  Tensor out = c.Fresh(Role::kAttentionScores, x.count, x.width);
  if (!x.wants_gradient()) return out;
  c.Record(&out, {x.edge}, {x.width},
           [&c, width = x.width, saved = c.Save(out)](Gradients&) mutable {
             const Tensor result = saved.Take(&c);
             Gradients made;
             made.push_back(c.Fresh(Role::kActivationGradient, result.count, width));
             // SoftMax.cu, softmax_backward_cuda_out: the gradient times the output.
             c.Touch(Role::kActivationGradient, result.bytes());
             return made;
           });
  return out;
}

// Only fp16 numbers are converted within the kernel (SoftMax.cpp).
Tensor SoftmaxInFp32(Context& c, const Tensor& x) {
  return Softmax(c, Cast(c, x, 4, Role::kAttentionScores));
}

// matmul joins batch and heads to one dimension, for which the heads of several rows, which lie
// between one another, are copied.
Tensor Factor(Context& c, const Heads& h, const Tensor& x) {
  return h.batch > 1 ? Clone(c, x, Role::kInputCopy) : x;
}

// _scaled_dot_product_attention_math (attention.cpp) with a causal mask of its own. Both factors of
// the scores are scaled; queries, which are a transposed view, are copied for the product.
Tensor Math(Context& c, const Heads& h, const Tensor& q, const Tensor& k, const Tensor& v) {
  const int64_t scores_count = h.batch * h.heads * h.sequence * h.sequence;
  const int64_t mask_count = h.sequence * h.sequence;
  const int64_t copies = h.heads / h.kv_heads;
  Tensor bias, query, keys;  // go last
  query = MulScalar(c, q, Role::kInputCopy);
  {
    Tensor lower;
    {
      const Tensor ones = c.Fresh(Role::kMask, mask_count, 1);
      lower = c.Fresh(Role::kMask, mask_count, 1);
    }
    const Tensor zero = c.Fresh(Role::kSmall, 1, q.width);
    const Tensor infinity = c.Fresh(Role::kSmall, 1, q.width);
    bias = c.Fresh(Role::kAttentionBias, mask_count, q.width);
  }
  keys = RepeatHeads(c, k, copies);
  const Tensor values = RepeatHeads(c, v, copies);
  Tensor weights;
  {
    Tensor scores;
    {
      const Tensor scaled = MulScalar(c, keys, Role::kInputCopy);
      const Tensor copied = Clone(c, query, Role::kInputCopy);
      scores = BatchedProduct(c, copied, scaled, scores_count, Role::kAttentionScores);
    }
    // _safe_softmax looks for rows of which everything is masked.
    weights = SoftmaxInFp32(c, scores);
    const Tensor masked = c.Fresh(Role::kTemporary, scores_count, 1);
    const Tensor rows = c.Fresh(Role::kTemporary, scores_count / h.sequence, 1);
    c.Touch(Role::kSmall, 4);
  }
  const Tensor out = BatchedProduct(c, weights, values, q.count, Role::kAttentionOut);
  keys = {};
  query = {};
  bias = {};
  return MulScalar(c, out, Role::kAttentionOut);  // transpose(1, 2).contiguous()
}

// eager_attention_forward of transformers' modeling files.
Tensor Eager(Context& c, const Heads& h, const Tensor& q, const Tensor& k, const Tensor& v,
             const Mask& mask, const AttentionDetails& details) {
  const int64_t scores_count = h.batch * h.heads * h.sequence * h.sequence;
  const int64_t width = c.autocast() ? 2 : q.width;
  const bool repeated = h.kv_heads != h.heads;  // lies in order
  const auto factor = [&](const Tensor& x) { return repeated ? x : Factor(c, h, x); };
  Tensor weights;
  {
    // Released from the last to the first.
    Tensor narrow_key;
    const Tensor narrow_query = Cast(c, q, width, Role::kInputCopy);
    narrow_key = Cast(c, k, width, Role::kInputCopy);
    const Tensor query = Factor(c, h, narrow_query);
    weights = BatchedProduct(c, query, factor(narrow_key), scores_count, Role::kAttentionScores);
  }
  weights = MulScalar(c, weights, Role::kAttentionScores);
  if (mask.present) weights = Add(c, weights, mask.tensor, Role::kAttentionScores);
  if (details.softmax_in_fp32 && !c.autocast()) {
    weights = Cast(c, SoftmaxInFp32(c, weights), width, Role::kAttentionScores);
  } else {
    // Autocast's softmax is in fp32 all the same, and its result is cast later.
    weights = c.autocast() ? SoftmaxInFp32(c, weights) : Softmax(c, weights);
    weights = Cast(c, weights, width, Role::kAttentionScores);
  }
  weights = Dropout(c, weights, details.dropout, Role::kAttentionScores);
  const Tensor value = Cast(c, v, width, Role::kInputCopy);
  Tensor out = BatchedProduct(c, weights, factor(value), q.count, Role::kAttentionOut);
  // transpose(1, 2).contiguous()
  return MulScalar(c, out, Role::kAttentionOut);
}

}  // namespace

Mask MakeMask(Context& c, AttentionWay way, int64_t batch, int64_t sequence, int64_t width,
              bool padded) {
  Mask mask;
  if (way == AttentionWay::kFlash) return mask;
  if (way == AttentionWay::kSdpa && !padded) return mask;
  const int64_t count = batch * sequence * sequence;
  mask.present = true;
  // transformers' masking_utils.py joins masks of true and false pair by pair.
  Tensor causal = c.Fresh(Role::kMask, count, 1);
  Tensor joined = c.Fresh(Role::kMask, count, 1);
  causal = {};
  {
    const Tensor packed = c.Fresh(Role::kMask, count, 1);
    mask.tensor = c.Fresh(Role::kMask, count, 1);
  }
  joined = {};
  if (way == AttentionWay::kEager) mask.tensor = c.Fresh(Role::kMask, count, width);
  return mask;
}

bool RepeatsHeads(AttentionWay way, const Mask& mask, const Heads& heads) {
  if (heads.heads == heads.kv_heads || way == AttentionWay::kFlash) return false;
  return way == AttentionWay::kEager || mask.present;
}

Tensor Attend(Context& c, AttentionWay way, const Heads& h, const Tensor& q, const Tensor& k,
              const Tensor& v, const Mask& mask, const AttentionDetails& details) {
  const bool dropout = details.dropout > 0;
  const bool repeats = RepeatsHeads(way, mask, h);
  const int64_t copies = repeats ? h.heads / h.kv_heads : 1;
  const Tensor keys = RepeatHeads(c, k, copies);
  const Tensor values = RepeatHeads(c, v, copies);
  if (way == AttentionWay::kEager) return Eager(c, h, q, keys, values, mask, details);
  // Without a mask transformers leaves the repetition to PyTorch (enable_gqa), which only flash and
  // math can do (sdp_utils.cpp, check_grouped_query_attention), and flash takes no fp32.
  if (way == AttentionWay::kSdpa && !mask.present && h.kv_heads != h.heads && q.width == 4 &&
      !c.autocast()) {
    return Math(c, h, q, k, v);
  }

  const int64_t width = c.autocast() || way == AttentionWay::kFlash ? 2 : q.width;
  const Tensor value = Cast(c, values, width, Role::kInputCopy);
  const Tensor key = Cast(c, keys, width, Role::kInputCopy);
  const Tensor query = Cast(c, q, width, Role::kInputCopy);
  // sdp_utils.cpp: flash takes 16-bit numbers without a mask, on Ampere and later.
  const bool flash =
      way == AttentionWay::kFlash || (!mask.present && width == 2 && c.machine().capability >= 80);
  if (!mask.present) return RunKernel(c, h, query, key, value, nullptr, flash, dropout);
  Tensor bias;
  {
    const Tensor zero = c.Fresh(Role::kSmall, 1, width);
    const Tensor infinity = c.Fresh(Role::kSmall, 1, width);
    bias = c.Fresh(Role::kAttentionBias, h.batch * h.sequence * h.sequence, width);
  }
  // Rows are padded to a multiple of 16 numbers (attention.cpp, pad_bias<16>).
  const int64_t padded = RoundTo(h.sequence, 16);
  if (padded != h.sequence) {
    bias = c.Fresh(Role::kAttentionBias, h.batch * h.sequence * padded, width);
  }
  return RunKernel(c, h, query, key, value, &bias, flash, dropout);
}

}  // namespace vramcast::models
