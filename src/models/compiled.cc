// The graphs that Inductor makes of a model: what the forward graph keeps for the backward graph is
// what the min-cut partitioner chooses (functorch/_partitioners.py, PyTorch 2.9): inputs of matrix
// products, the residual stream and one statistic a norm; rotations, casts and activations are
// computed again. Read off a compiled llama; GPT-2 and autocast follow the same rules.
#include <algorithm>
#include <utility>

#include "models/model.h"

namespace vramcast::models {

struct Model::CompiledBlock {
  Tensor input;  // only where the block is computed again
  Tensor statistic, normed;
  Tensor query, key, value, attended, log_sum_exp;
  Tensor middle, middle_statistic, middle_normed;
  Tensor gate, up, product;
  Tensor first_mask, second_mask;  // of dropout: random numbers are not drawn again
  std::vector<Tensor> weights;     // 16-bit copies
};

struct Model::CompiledPassState {
  int64_t width = 2;           // of products
  int64_t residual_width = 2;  // of the residual stream
  Heads heads;
  bool masked = false;
  Tensor bias;      // shared by all blocks
  Tensor residual;  // the stream as it is now
  Tensor gradient;  // of the stream
};

void Model::MakeGradient(Parameter* parameter, int64_t width) {
  if (!parameter || !parameter->trainable) return;
  Tensor made = c_.Fresh(Role::kGradient, parameter->count, width);
  if (width != parameter->width) {
    made = c_.Fresh(Role::kGradient, parameter->count, parameter->width);
  }
  if (parameter->gradient.count == 0) parameter->gradient = std::move(made);
}

void Model::MakeGradients(const Projection& projection, int64_t width) {
  MakeGradient(projection.weight, width);
  MakeGradient(projection.bias, width);
  MakeGradient(projection.lora_down, 4);
  MakeGradient(projection.lora_up, 4);
}

Tensor Model::Weight(const CompiledPassState& state, Parameter* parameter) {
  if (parameter->width == state.width) return {};
  return c_.Fresh(Role::kWeightCopy, parameter->count, state.width);
}

void Model::CompiledBlockForward(const Block& block, CompiledPassState* state,
                                 CompiledBlock* saved) {
  const int64_t width = state->width;
  const int64_t units = tokens_ * config_.hidden;
  const int64_t query_count = tokens_ * config_.heads * config_.head_size;
  const int64_t key_count = tokens_ * config_.kv_heads * config_.head_size;
  const bool gpt2 = config_.family == Family::kGpt2;
  const auto weight = [&](const Projection& projection) {
    if (projection.weight) saved->weights.push_back(Weight(*state, projection.weight));
  };

  saved->statistic = c_.Fresh(Role::kNormStatistic, tokens_, 4);
  saved->normed = c_.Fresh(Role::kNormed, units, width);
  weight(block.query);
  weight(block.key);
  weight(block.value);
  if (gpt2) {
    saved->query = c_.Fresh(Role::kQueryKeyValue, 3 * units, width);
    c_.UseCublas();
  } else {
    saved->query = c_.Fresh(Role::kQueryKeyValue, query_count, width);
    c_.UseCublas();
    saved->key = c_.Fresh(Role::kQueryKeyValue, key_count, width);
    saved->value = c_.Fresh(Role::kQueryKeyValue, key_count, width);
    // Rotated queries take a new buffer, rotated (and repeated) keys that of the raw queries.
    Tensor rotated = c_.Fresh(Role::kRotated, query_count, width);
    const bool repeated = state->masked || key_count == query_count;
    if (repeated) {
      saved->key = std::exchange(saved->query, std::move(rotated));
    } else {
      saved->key = c_.Fresh(Role::kRotated, key_count, width);
      saved->query = std::move(rotated);
    }
    if (state->masked && key_count != query_count) {
      saved->value = c_.Fresh(Role::kRepeated, query_count, width);
    }
  }
  if (state->masked && state->bias.count == 0) {
    state->bias =
        c_.Fresh(Role::kAttentionBias,
                 state->heads.batch * state->heads.sequence * state->heads.sequence, width);
  }
  saved->attended = c_.Fresh(Role::kAttentionOut, query_count, width);
  saved->log_sum_exp = c_.Fresh(Role::kLogSumExp,
                                state->heads.batch * state->heads.heads * state->heads.sequence, 4);

  weight(block.out);
  const auto close = [&](double dropout, Tensor* mask) {
    // The product's buffer becomes the stream where their widths agree.
    Tensor product = c_.Fresh(Role::kResidual, units, width);
    if (dropout > 0) *mask = c_.Fresh(Role::kDropoutMask, units, 1);
    if (state->residual_width != width) {
      product = c_.Fresh(Role::kResidual, units, state->residual_width);
    }
    return product;
  };
  saved->middle = close(config_.residual_dropout, &saved->first_mask);
  saved->middle_statistic = c_.Fresh(Role::kNormStatistic, tokens_, 4);
  saved->middle_normed = c_.Fresh(Role::kNormed, units, width);
  const int64_t inner = tokens_ * config_.intermediate;
  weight(block.gate);
  weight(block.up);
  if (!gpt2) saved->gate = c_.Fresh(Role::kMlp, inner, width);
  saved->up = c_.Fresh(Role::kMlp, inner, width);
  saved->product = c_.Fresh(Role::kMlp, inner, width);
  weight(block.down);
  state->residual = close(config_.residual_dropout, &saved->second_mask);
}

void Model::CompiledBlockBackward(const Block& block, CompiledPassState* state,
                                  CompiledBlock* saved) {
  const int64_t width = state->width;
  const int64_t units = tokens_ * config_.hidden;
  const int64_t inner = tokens_ * config_.intermediate;
  const auto fresh = [&](int64_t count) {
    return c_.Fresh(Role::kActivationGradient, count, width);
  };
  MakeGradients(block.down, width);
  c_.UseCublas();
  saved->product = {};
  {
    Tensor product = fresh(inner);
    const Tensor up = fresh(inner);
    if (config_.family != Family::kGpt2) product = {};
    saved->up = {};
    saved->gate = {};
    MakeGradients(block.up, width);
    if (block.gate.weight) MakeGradients(block.gate, width);
    const Tensor input = fresh(units);
    saved->middle_normed = {};
  }
  MakeGradient(block.second_norm, block.second_norm->width);
  MakeGradient(block.second_norm_bias, width);
  saved->middle = {};
  saved->middle_statistic = {};
  saved->first_mask = saved->second_mask = {};
  MakeGradients(block.out, width);
  {
    const Tensor out = fresh(saved->attended.count);
    const Tensor query = fresh(saved->query.count);
    const Tensor key = fresh(saved->key.count);
    const Tensor value = fresh(saved->value.count);
    c_.Touch(Role::kAttentionWorkspace, saved->attended.count * 4 + saved->log_sum_exp.count * 4);
    saved->key = saved->query = saved->attended = saved->log_sum_exp = saved->value = {};
    MakeGradients(block.query, width);
    if (block.key.weight) MakeGradients(block.key, width);
    if (block.value.weight) MakeGradients(block.value, width);
    saved->normed = {};
  }
  MakeGradient(block.first_norm, block.first_norm->width);
  MakeGradient(block.first_norm_bias, width);
  saved->statistic = {};
  saved->weights.clear();
  saved->input = {};
}

void Model::CompiledPass(int64_t sequence, Phase forward, Phase backward) {
  tokens_ = options_.batch_size * sequence;
  c_.pen().Enter(forward);
  CompiledPassState state;
  state.width = options_.precision == Precision::kFp32 ? 4 : 2;
  state.residual_width = width_;
  state.heads = {options_.batch_size, sequence, config_.heads, config_.kv_heads, config_.head_size};
  state.masked = options_.mask == MaskKind::kPadded && options_.attention == AttentionWay::kSdpa;
  const int64_t units = tokens_ * config_.hidden;
  sharding_.BeforeForward(blocks_.size());
  const Tensor embedded = c_.Fresh(Role::kResidual, units, state.residual_width);
  state.residual = embedded;

  std::vector<CompiledBlock> saved(blocks_.size());
  std::vector<Tensor> stream;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    stream.push_back(state.residual);
    sharding_.BeforeForward(i);
    CompiledBlockForward(blocks_[i], &state, &saved[i]);
    sharding_.AfterForward(i);
    if (options_.checkpointing) saved[i] = {};
  }
  stream.push_back(state.residual);
  Tensor statistic = c_.Fresh(Role::kNormStatistic, tokens_, 4);
  Tensor normed = c_.Fresh(Role::kNormed, units, state.width);
  Tensor head_copy = Weight(state, head_);
  const int64_t count = tokens_ * config_.vocabulary;
  Tensor logits = c_.Fresh(Role::kLogits, count, state.width);
  const Tensor maxima = c_.Fresh(Role::kLossStatistic, tokens_, 4);
  const Tensor sums = c_.Fresh(Role::kLossStatistic, tokens_, 4);

  c_.pen().Enter(backward);
  c_.set_in_backward(true);
  // The logits are a result of the graph that nothing uses: their gradient is zeros, made whole.
  const Tensor zeros = c_.Fresh(Role::kLogitsGradient, count, state.width);
  {
    Tensor gradient = c_.Fresh(Role::kLogitsGradient, count, state.width);
    logits = {};
    MakeGradient(head_, state.width);
    normed = {};
    state.gradient = c_.Fresh(Role::kActivationGradient, units, state.residual_width);
  }
  head_copy = {};
  MakeGradient(final_norm_, final_norm_->width);
  MakeGradient(final_norm_bias_, state.width);
  statistic = {};
  state.residual = {};
  for (size_t i = blocks_.size(); i-- > 0;) {
    sharding_.BeforeBackward(i);
    if (options_.checkpointing) {
      CompiledBlockForward(blocks_[i], &state, &saved[i]);
      state.residual = {};
    }
    stream.pop_back();
    CompiledBlockBackward(blocks_[i], &state, &saved[i]);
    sharding_.AfterBackward(i);
  }
  // Rows of the embedding are added up in fp32.
  {
    const Tensor rows = c_.Fresh(Role::kGradient, embedding_->trainable ? embedding_->count : 0, 4);
    if (width_ != 4) MakeGradient(embedding_, width_);
    if (width_ == 4 && embedding_->trainable && embedding_->gradient.count == 0) {
      embedding_->gradient = rows;
    }
  }
  MakeGradient(positions_, width_);
  c_.set_in_backward(false);
}

}  // namespace vramcast::models
