#include "models/model.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "models/ops.h"

namespace vramcast::models {
namespace {

bool Targets(const Lora& lora, std::string_view name) {
  return std::any_of(lora.targets.begin(), lora.targets.end(), [&](const std::string& target) {
    return target == name || target == "all-linear";
  });
}

}  // namespace

Model::Model(Context* context, ModelConfig config, TrainingOptions options, Sharding* sharding)
    : c_(*context),
      sharding_(*sharding),
      config_(std::move(config)),
      options_(std::move(options)),
      width_(sharding->ComputeWidth(options_.precision == Precision::kBf16 ? 2 : 4)) {
  units_.resize(static_cast<size_t>(config_.layers) + 1);  // the last: what is outside the blocks
  blocks_.resize(static_cast<size_t>(config_.layers));
  if (config_.family == Family::kGpt2) {
    MakeGpt2();
  } else {
    MakeLlama();
  }
  if (options_.lora.rank > 0) AddAdapters();
}

Parameter* Model::Make(int64_t rows, int64_t columns, int64_t width, size_t unit, bool trainable) {
  auto parameter = std::make_unique<Parameter>();
  parameter->rows = rows;
  parameter->count = rows * columns;
  parameter->width = width;
  parameter->trainable = trainable;
  if (!sharding_.holds_parameters_split()) {
    parameter->data = c_.Fresh(Role::kParameter, parameter->count, width);
  }
  units_[unit].push_back(parameter.get());
  parameters_.push_back(std::move(parameter));
  return parameters_.back().get();
}

Parameter* Model::MakeVector(int64_t count, size_t unit) {
  return Make(count, 1, width_, unit, options_.lora.rank == 0);
}

Projection Model::MakeProjection(int64_t out, int64_t in, bool bias, size_t unit) {
  const bool trainable = options_.lora.rank == 0;
  Projection projection;
  projection.weight = Make(out, in, width_, unit, trainable);
  if (bias) projection.bias = Make(out, 1, width_, unit, trainable);
  return projection;
}

void Model::MakeLlama() {
  const bool trainable = options_.lora.rank == 0;
  const size_t rest = units_.size() - 1;
  const ModelConfig& m = config_;
  embedding_ = Make(m.vocabulary, m.hidden, width_, rest, trainable);
  embedding_->is_table = true;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    Block& b = blocks_[i];
    b.query = MakeProjection(m.heads * m.head_size, m.hidden, m.qkv_bias, i);
    b.key = MakeProjection(m.kv_heads * m.head_size, m.hidden, m.qkv_bias, i);
    b.value = MakeProjection(m.kv_heads * m.head_size, m.hidden, m.qkv_bias, i);
    b.out = MakeProjection(m.hidden, m.heads * m.head_size, m.out_bias, i);
    if (m.head_norms) {
      b.query_norm = MakeVector(m.head_size, i);
      b.key_norm = MakeVector(m.head_size, i);
    }
    b.gate = MakeProjection(m.intermediate, m.hidden, m.mlp_bias, i);
    b.up = MakeProjection(m.intermediate, m.hidden, m.mlp_bias, i);
    b.down = MakeProjection(m.hidden, m.intermediate, m.mlp_bias, i);
    b.first_norm = MakeVector(m.hidden, i);
    b.second_norm = MakeVector(m.hidden, i);
  }
  final_norm_ = MakeVector(m.hidden, rest);
  // inv_freq, and the copy that a change of length goes back to.
  for (int i = 0; i < 2; ++i) buffers_.push_back(c_.Fresh(Role::kBuffer, m.head_size / 2, 4));
  if (m.tied) {
    const Tensor before_tying = c_.Fresh(Role::kInitTemporary, m.vocabulary * m.hidden, width_);
    head_ = embedding_;
  } else {
    head_ = Make(m.vocabulary, m.hidden, width_, rest, trainable);
    head_->is_table = true;
  }
}

void Model::MakeGpt2() {
  const bool trainable = options_.lora.rank == 0;
  const size_t rest = units_.size() - 1;
  const ModelConfig& m = config_;
  embedding_ = Make(m.vocabulary, m.hidden, width_, rest, trainable);
  embedding_->is_table = true;
  positions_ = Make(m.positions, m.hidden, width_, rest, trainable);
  positions_->is_table = true;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    Block& b = blocks_[i];
    b.first_norm = MakeVector(m.hidden, i);
    b.first_norm_bias = MakeVector(m.hidden, i);
    b.query = MakeProjection(3 * m.hidden, m.hidden, true, i);
    b.out = MakeProjection(m.hidden, m.hidden, true, i);
    b.second_norm = MakeVector(m.hidden, i);
    b.second_norm_bias = MakeVector(m.hidden, i);
    b.up = MakeProjection(m.intermediate, m.hidden, true, i);
    b.down = MakeProjection(m.hidden, m.intermediate, true, i);
  }
  final_norm_ = MakeVector(m.hidden, rest);
  final_norm_bias_ = MakeVector(m.hidden, rest);
  if (m.tied) {
    const Tensor before_tying = c_.Fresh(Role::kInitTemporary, m.vocabulary * m.hidden, width_);
    head_ = embedding_;
  } else {
    head_ = Make(m.vocabulary, m.hidden, width_, rest, trainable);
    head_->is_table = true;
  }
}

void Model::AddAdapter(Projection* projection, size_t unit, const char* name) {
  if (!projection->weight || !Targets(options_.lora, name)) return;
  const int64_t in = projection->weight->count / projection->weight->rows;
  // peft keeps adapters of 16-bit models in fp32 (autocast_adapter_dtype).
  projection->lora_down = Make(options_.lora.rank, in, 4, unit, true);
  projection->lora_up = Make(projection->weight->rows, options_.lora.rank, 4, unit, true);
}

void Model::AddAdapters() {
  const bool gpt2 = config_.family == Family::kGpt2;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    Block& b = blocks_[i];
    AddAdapter(&b.query, i, gpt2 ? "c_attn" : "q_proj");
    AddAdapter(&b.key, i, "k_proj");
    AddAdapter(&b.value, i, "v_proj");
    AddAdapter(&b.out, i, gpt2 ? "c_proj" : "o_proj");
    AddAdapter(&b.gate, i, "gate_proj");
    AddAdapter(&b.up, i, gpt2 ? "c_fc" : "up_proj");
    AddAdapter(&b.down, i, gpt2 ? "c_proj" : "down_proj");
  }
}

int64_t Model::parameter_count() const {
  int64_t count = 0;
  for (const auto& parameter : parameters_) count += parameter->count;
  return count;
}

int64_t Model::trainable_count() const {
  int64_t count = 0;
  for (const auto& parameter : parameters_) count += parameter->trainable ? parameter->count : 0;
  return count;
}

}  // namespace vramcast::models
