#include <array>
#include <functional>
#include <utility>

#include "models/model.h"
#include "models/ops.h"

namespace vramcast::models {

// What every block gets beside the hidden states.
struct Model::Inputs {
  Heads heads;
  Mask mask;
  Tensor cosines, sines;
};

Tensor Model::Project(const Tensor& x, const Projection& projection, Role role, ProductKind kind) {
  Tensor result = Linear(c_, x, tokens_, projection.weight, projection.bias, role, kind);
  if (!projection.lora_down) return result;
  // peft's LoraLayer: result + lora_B(lora_A(x)) * scaling, x cast to the adapter's type.
  const Tensor input = c_.autocast() ? x : Cast(c_, x, projection.lora_down->width, Role::kAdapter);
  const auto update = [&] {
    const Tensor down = Linear(c_, input, tokens_, projection.lora_down, nullptr, Role::kAdapter);
    const Tensor up = Linear(c_, down, tokens_, projection.lora_up, nullptr, Role::kAdapter);
    return MulScalar(c_, up, Role::kAdapter);
  };
  const int64_t width = result.width;
  // The update goes before what it was added to.
  result = [&] { return Add(c_, result, update(), role); }();
  return Cast(c_, result, width, role);
}

// LlamaRMSNorm.forward
Tensor Model::RmsNorm(const Tensor& x, Parameter* weight) {
  Tensor variance;  // goes last
  Tensor hidden = Cast(c_, x, 4, Role::kUpcast);
  const int64_t rows = x.count / weight->count;
  variance = MeanOfRows(c_, PowScalar(c_, hidden, Role::kTemporary), rows);
  const auto scale = [&] { return Rsqrt(c_, AddScalar(c_, variance, Role::kNormStatistic)); };
  // The scale goes before what it scaled.
  hidden = [&] { return MulRows(c_, hidden, scale(), Role::kNormed); }();
  return MulWeight(c_, weight, Cast(c_, hidden, x.width, Role::kNormed), Role::kNormed);
}

// transformers/activations.py
Tensor Model::Activate(const Tensor& x) {
  if (config_.activation != "gelu_new" && config_.activation != "gelu_fast") {
    return Activation(c_, x, Role::kMlp);
  }
  Tensor inside;  // goes last
  const Tensor half = MulScalar(c_, x, Role::kMlp);
  inside = [&] {
    // pow is among autocast's fp32 operations.
    const auto base = [&] { return c_.autocast() ? Cast(c_, x, 4, Role::kMlp) : x; };
    Tensor cubic = PowScalar(c_, base(), Role::kMlp);
    cubic = MulScalar(c_, cubic, Role::kMlp);
    cubic = Add(c_, x, cubic, Role::kMlp);
    cubic = MulScalar(c_, cubic, Role::kMlp);
    cubic = Tanh(c_, cubic, Role::kMlp);
    return AddScalar(c_, cubic, Role::kMlp);
  }();
  return Mul(c_, half, inside, Role::kMlp);
}

// apply_rotary_pos_emb, for queries or keys
Tensor Model::Rotate(const Tensor& x, const Tensor& cosines, const Tensor& sines) {
  const Tensor straight = Mul(c_, x, cosines, Role::kRotated);
  const Tensor crossed = [&] {
    const Tensor turned = [&] {
      const Tensor first = Slice(c_, x, x.count / 2);
      const Tensor second = Slice(c_, x, x.count / 2);
      return Cat(c_, Neg(c_, second, Role::kTemporary), first, Role::kTemporary);
    }();
    return Mul(c_, turned, sines, Role::kRotated);
  }();
  return Add(c_, straight, crossed, Role::kRotated);
}

Tensor Model::LlamaAttention(const Tensor& x, const Block& block, const Inputs& inputs) {
  // The gradient of values comes in their own order only from a kernel that takes them as they are.
  const bool value_copied = options_.attention == AttentionWay::kEager ||
                            RepeatsHeads(options_.attention, inputs.mask, inputs.heads);
  const auto project = [&](const Projection& projection, Parameter* norm, bool copied) {
    Tensor made = Project(x, projection, Role::kQueryKeyValue, ProductKind::kLinear);
    if (norm) made = RmsNorm(View(c_, made), norm);
    return copied ? CopiedView(c_, made) : View(c_, made);
  };
  Tensor value, key, query;  // released from the last to the first
  query = project(block.query, block.query_norm, true);
  key = project(block.key, block.key_norm, true);
  value = project(block.value, nullptr, value_copied);
  {
    Tensor rotated_query = Rotate(query, inputs.cosines, inputs.sines);
    Tensor rotated_key = Rotate(key, inputs.cosines, inputs.sines);
    query = std::move(rotated_query);
    key = std::move(rotated_key);
  }
  const Tensor out = Attend(c_, options_.attention, inputs.heads, query, key, value, inputs.mask,
                            {config_.attention_dropout, true});
  return Project(View(c_, out), block.out, Role::kProjection, ProductKind::kLinear);
}

Tensor Model::LlamaMlp(const Tensor& x, const Block& block) {
  const Tensor product = [&] {
    const Tensor active = Activate(Project(x, block.gate, Role::kMlp, ProductKind::kLinear));
    const Tensor up = Project(x, block.up, Role::kMlp, ProductKind::kLinear);
    return Mul(c_, active, up, Role::kMlp);
  }();
  return Project(product, block.down, Role::kProjection, ProductKind::kLinear);
}

Tensor Model::LlamaBlock(const Tensor& x, const Block& block, const Inputs& inputs) {
  Tensor hidden = RmsNorm(x, block.first_norm);
  hidden = LlamaAttention(hidden, block, inputs);
  hidden = Add(c_, x, hidden, Role::kResidual);
  const Tensor residual = hidden;
  hidden = RmsNorm(hidden, block.second_norm);
  hidden = LlamaMlp(hidden, block);
  return Add(c_, residual, hidden, Role::kResidual);
}

Tensor Model::Gpt2Attention(const Tensor& x, const Block& block, const Inputs& inputs) {
  const std::array<Tensor, 3> parts =
      SplitInThree(c_, Project(x, block.query, Role::kQueryKeyValue, ProductKind::kConv1d));
  // By products the gradients of queries and values arrive by head, that of keys transposed, which
  // can be viewed back.
  const auto part = [&](size_t i) {
    const bool copied = options_.attention == AttentionWay::kEager && i != 1;
    return copied ? CopiedView(c_, parts[i]) : View(c_, parts[i]);
  };
  const Tensor query = part(0), key = part(1), value = part(2);
  Tensor out = Attend(c_, options_.attention, inputs.heads, query, key, value, inputs.mask,
                      {config_.attention_dropout, false});
  out = Project(View(c_, out), block.out, Role::kProjection, ProductKind::kConv1d);
  return Dropout(c_, out, config_.residual_dropout, Role::kProjection);
}

Tensor Model::Gpt2Mlp(const Tensor& x, const Block& block) {
  Tensor hidden = Project(x, block.up, Role::kMlp, ProductKind::kConv1d);
  hidden = Activate(hidden);
  hidden = Project(hidden, block.down, Role::kProjection, ProductKind::kConv1d);
  return Dropout(c_, hidden, config_.residual_dropout, Role::kProjection);
}

Tensor Model::Gpt2Block(const Tensor& x, const Block& block, const Inputs& inputs) {
  Tensor fed, attended, residual;  // released from the last to the first
  Tensor hidden = LayerNorm(c_, x, block.first_norm, block.first_norm_bias);
  attended = Gpt2Attention(hidden, block, inputs);
  hidden = Add(c_, attended, x, Role::kResidual);
  residual = hidden;
  hidden = LayerNorm(c_, hidden, block.second_norm, block.second_norm_bias);
  fed = Gpt2Mlp(hidden, block);
  hidden = Add(c_, residual, fed, Role::kResidual);
  return hidden;
}

Model::Inputs Model::MakeInputs(int64_t sequence, int64_t width) {
  Inputs inputs;
  inputs.heads = {options_.batch_size, sequence, config_.heads, config_.kv_heads,
                  config_.head_size};
  inputs.mask = MakeMask(c_, options_.attention, options_.batch_size, sequence, width,
                         options_.mask == MaskKind::kPadded);
  if (config_.family == Family::kGpt2) return inputs;
  // LlamaRotaryEmbedding.forward
  const int64_t count = sequence * config_.head_size;
  Tensor sines, cosines, both, angles;  // go from the last to the first
  angles = c_.Fresh(Role::kRotary, count / 2, 4);
  both = c_.Fresh(Role::kRotary, count, 4);
  cosines = c_.Fresh(Role::kRotary, count, 4);
  cosines = c_.Fresh(Role::kRotary, count, 4);  // times the scale
  sines = c_.Fresh(Role::kRotary, count, 4);
  sines = c_.Fresh(Role::kRotary, count, 4);
  inputs.cosines = Cast(c_, cosines, width, Role::kRotary);
  inputs.sines = Cast(c_, sines, width, Role::kRotary);
  return inputs;
}

template <typename Run>
Tensor Model::InUnit(size_t unit, const Tensor& x, Run run) {
  if (!sharding_.splits_states()) return run(x);
  sharding_.BeforeForward(unit);
  const auto watched = [this](const Tensor& tensor, std::function<void()> action) {
    Tensor out = tensor;
    out.edge = {};
    c_.Record(&out, {tensor.edge}, {tensor.width}, [action](Gradients& g) {
      action();
      return Gradients{g[0]};
    });
    return out;
  };
  const Tensor input = watched(x, [this, unit] { sharding_.AfterBackward(unit); });
  Tensor out = run(input);
  sharding_.AfterForward(unit);
  return watched(out, [this, unit] { sharding_.BeforeBackward(unit); });
}

template <typename Run>
Tensor Model::RunBlocks(Tensor hidden, const Inputs& inputs, Run run) {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const auto body = [&](const Tensor& x) {
      if (!options_.checkpointing) return run(x, block, inputs);
      // The partial that is called again holds the block's inputs.
      return c_.Checkpoint(
          x, [inputs, &block, run](const Tensor& again) { return run(again, block, inputs); });
    };
    hidden = InUnit(i, hidden, body);
  }
  return hidden;
}

Tensor Model::LlamaHidden(int64_t sequence) {
  Inputs inputs;  // goes last
  const Tensor embedded = Embed(c_, embedding_, tokens_, Role::kResidual);
  const Tensor position_ids = c_.Fresh(Role::kSmall, sequence, 8);
  inputs = MakeInputs(sequence, embedded.width);
  const Tensor hidden =
      RunBlocks(embedded, inputs, [this](const Tensor& x, const Block& block, const Inputs& in) {
        return LlamaBlock(x, block, in);
      });
  return RmsNorm(hidden, final_norm_);
}

Tensor Model::Gpt2Hidden(int64_t sequence) {
  Inputs inputs;            // goes last
  Tensor placed, embedded;  // before it, the embeddings first
  embedded = Embed(c_, embedding_, tokens_, Role::kResidual);
  const Tensor position_ids = c_.Fresh(Role::kSmall, sequence, 8);
  placed = Embed(c_, positions_, sequence, Role::kResidual);
  Tensor hidden = Add(c_, embedded, placed, Role::kResidual);
  inputs = MakeInputs(sequence, hidden.width);
  hidden = Dropout(c_, hidden, config_.embedding_dropout, Role::kResidual);
  hidden = RunBlocks(std::move(hidden), inputs,
                     [this](const Tensor& x, const Block& block, const Inputs& in) {
                       return Gpt2Block(x, block, in);
                     });
  return LayerNorm(c_, hidden, final_norm_, final_norm_bias_);
}

Tensor Model::Loss(int64_t sequence) {
  tokens_ = options_.batch_size * sequence;
  sharding_.BeforeForward(blocks_.size());
  Tensor logits;  // goes last
  const Tensor hidden =
      config_.family == Family::kGpt2 ? Gpt2Hidden(sequence) : LlamaHidden(sequence);
  Projection head;
  head.weight = head_;
  logits = Project(hidden, head, Role::kLogits, ProductKind::kLinear);
  return CausalLoss(c_, logits, tokens_, options_.batch_size, options_.accumulation > 1);
}

}  // namespace vramcast::models
