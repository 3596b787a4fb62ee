#include "nanochat/shape.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <string_view>
#include <utility>

namespace vramcast::nanochat {
namespace {

// From DistAdamW and its successors: smaller tensors are all-reduced whole.
constexpr int64_t kSmall = 1024;

class ShapeBuilder {
 public:
  explicit ShapeBuilder(const RunConfig& config)
      : config_(config), family_(*config.revision.family), model_(config.model) {
    embedding_dtype_ = family_.precision == Precision::kAutocast ? Dtype::kBf16
                       : *config.dtype == Dtype::kFp16           ? Dtype::kFp32
                                                                 : *config.dtype;
  }

  Shapes Build() {
    AddParameters();
    AddBuffers();
    AddGroups();
    return std::move(shapes_);
  }

 private:
  Parameter& Add(std::string name, std::vector<int64_t> shape) {
    Parameter parameter;
    parameter.name = std::move(name);
    parameter.shape = std::move(shape);
    shapes_.parameters.push_back(std::move(parameter));
    return shapes_.parameters.back();
  }

  void AddLinear(std::string name, int64_t out, int64_t in, int layer = -1) {
    Parameter& parameter = Add(std::move(name), {out, in});
    parameter.linear = true;
    parameter.layer = layer;
    parameter.fp8 =
        *config_.fp8 && out % 16 == 0 && in % 16 == 0 && std::min(out, in) >= family_.fp8_min_dim;
  }

  void AddEmbedding(std::string name, int64_t rows, int64_t columns, int layer = -1) {
    Parameter& parameter = Add(std::move(name), {rows, columns});
    parameter.embedding = true;
    parameter.layer = layer;
    parameter.dtype = embedding_dtype_;
  }

  // Children come before a module's own parameters, as Module._apply goes.
  void AddParameters() {
    const int64_t width = model_.n_embd, query = model_.n_head * model_.head_dim;
    AddEmbedding("transformer.wte.weight", model_.padded_vocab_size, width);
    for (int layer = 0; layer < model_.n_layer; ++layer) {
      const std::string block = "transformer.h." + std::to_string(layer);
      AddLinear(block + ".attn.c_q.weight", query, width, layer);
      AddLinear(block + ".attn.c_k.weight", model_.kv_dim(), width, layer);
      AddLinear(block + ".attn.c_v.weight", model_.kv_dim(), width, layer);
      AddLinear(block + ".attn.c_proj.weight", width, width, layer);
      if (family_.ve_gate_channels > 0 && HasValueEmbedding(family_, layer, model_.n_layer)) {
        AddLinear(block + ".attn.ve_gate.weight", model_.n_kv_head, family_.ve_gate_channels,
                  layer);
      }
      AddLinear(block + ".mlp.c_fc.weight", 4 * width, width, layer);
      AddLinear(block + ".mlp.c_proj.weight", width, 4 * width, layer);
    }
    AddLinear("lm_head.weight", model_.padded_vocab_size, width);
    if (family_.bigram_multiple > 0) {
      AddEmbedding("bigram_embed.embed.weight", family_.bigram_multiple * model_.vocab_size, width);
    }
    if (family_.smear_backout) AddLinear("smear_gate.weight", 1, 24);
    for (int layer = 0; layer < model_.n_layer; ++layer) {
      if (!HasValueEmbedding(family_, layer, model_.n_layer)) continue;
      AddEmbedding("value_embeds." + std::to_string(layer) + ".weight", model_.padded_vocab_size,
                   model_.kv_dim(), layer);
    }
    if (family_.lambdas) {
      Add("resid_lambdas", {model_.n_layer});
      Add("x0_lambdas", {model_.n_layer});
    }
    if (family_.bigram_multiple > 0) Add("bigram_lambdas", {model_.n_layer});
    if (family_.smear_backout) {
      Add("smear_lambda", {1});
      Add("backout_lambda", {1});
    }
  }

  void AddBuffers() {
    const Dtype dtype = family_.precision == Precision::kAutocast ? Dtype::kBf16 : *config_.dtype;
    for (const char* name : {"cos", "sin"}) {
      shapes_.buffers.push_back(
          {name, {1, 10 * model_.sequence_len, 1, (model_.head_dim + 1) / 2}, dtype});
    }
  }

  // AdamW's groups in the order of setup_optimizer, by the beginning of the name.
  static constexpr std::string_view kAdamGroups[] = {
      "lm_head",       "transformer.wte", "value_embeds",   "bigram_embed",
      "resid_lambdas", "x0_lambdas",      "bigram_lambdas", "smear"};

  // A group for each of the above, then Muon's: one for each shape, in ascending order.
  void AddGroups() {
    std::map<std::pair<int64_t, int64_t>, Group> muon;
    std::array<Group, std::size(kAdamGroups)> adam;
    for (size_t i = 0; i < shapes_.parameters.size(); ++i) {
      const Parameter& parameter = shapes_.parameters[i];
      const std::string_view name = parameter.name;
      if (name.starts_with("transformer.h.")) {
        muon[{parameter.shape[0], parameter.shape[1]}].parameters.push_back(static_cast<int>(i));
        continue;
      }
      const auto* group =
          std::find_if(std::begin(kAdamGroups), std::end(kAdamGroups),
                       [&](std::string_view begin) { return name.starts_with(begin); });
      // backout_lambda is in the group of smear.
      const size_t slot =
          std::min<size_t>(static_cast<size_t>(group - kAdamGroups), adam.size() - 1);
      adam[slot].parameters.push_back(static_cast<int>(i));
    }
    for (Group& group : adam) Append(std::move(group), UpdateKind::kAdamW);
    for (auto& [size, group] : muon) Append(std::move(group), UpdateKind::kMuon);
  }

  void Append(Group group, UpdateKind kind) {
    if (group.parameters.empty()) return;
    group.kind = kind;
    for (const int index : group.parameters) {
      shapes_.parameters[static_cast<size_t>(index)].group =
          static_cast<int>(shapes_.groups.size());
    }
    shapes_.groups.push_back(std::move(group));
  }

  const RunConfig& config_;
  const Family& family_;
  const ModelDims& model_;
  Dtype embedding_dtype_ = Dtype::kBf16;
  Shapes shapes_;
};

class StateBuilder {
 public:
  StateBuilder(const RunConfig& config, const Shapes& shapes, int64_t rank)
      : config_(config),
        family_(*config.revision.family),
        shapes_(shapes),
        rank_(rank),
        // Under torchrun alone, one rank is a world of one; without a group nothing is sharded.
        world_(*config.world_size) {}

  std::vector<State> Build() {
    AddZeroBuffers();
    for (size_t i = 0; i < shapes_.groups.size(); ++i) {
      group_ = static_cast<int>(i);
      const Group& group = shapes_.groups[i];
      if (group.kind == UpdateKind::kAdamW) {
        for (const int index : group.parameters) AddAdamW(index);
      } else if (family_.muon == MuonStyle::kOneByOne) {
        AddMuonOneByOne(group);
      } else {
        AddMuonStacked(group);
      }
    }
    return std::move(states_);
  }

 private:
  const Parameter& At(int index) const { return shapes_.parameters[static_cast<size_t>(index)]; }

  void Add(std::string name, std::vector<int64_t> shape, Dtype dtype, int parameter) {
    State state;
    state.name = std::move(name);
    state.shape = std::move(shape);
    state.dtype = dtype;
    state.group = group_;
    state.parameter = parameter;
    states_.push_back(std::move(state));
  }

  // DistMuon until January 2026 pads its lists with one tensor of zeros for each shape.
  void AddZeroBuffers() {
    if (family_.muon != MuonStyle::kOneByOne || !config_.distributed()) return;
    for (size_t i = 0; i < shapes_.groups.size(); ++i) {
      const Group& group = shapes_.groups[i];
      if (group.kind != UpdateKind::kMuon) continue;
      group_ = static_cast<int>(i);
      Add("zero_buffer", At(group.parameters[0]).shape, Dtype::kFp32, -1);
      states_.back().from_the_start = true;
    }
  }

  void AddAdamW(int index) {
    const Parameter& parameter = At(index);
    std::vector<int64_t> shape = parameter.shape;
    if (IsSliced(config_, parameter)) shape[0] /= world_;
    const bool own_kernel = family_.adam == AdamStyle::kMuonAdamW;
    if (!own_kernel && !config_.distributed()) {
      Add("step", {1}, Dtype::kFp32, index);  // torch.optim.AdamW(fused=True)
    } else if (family_.adam == AdamStyle::kCompiledStep || family_.adam == AdamStyle::kEagerStep) {
      Add("step", {2}, Dtype::kFp32, index);  // one int64
    }
    Add("exp_avg", shape, parameter.dtype, index);
    Add("exp_avg_sq", shape, parameter.dtype, index);
  }

  static std::vector<int64_t> FactoredShape(const std::vector<int64_t>& shape) {
    return shape[0] >= shape[1] ? std::vector<int64_t>{shape[0], 1}
                                : std::vector<int64_t>{1, shape[1]};
  }

  void AddMuonOneByOne(const Group& group) {
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      const bool owned = !config_.distributed() || static_cast<int64_t>(i) % world_ == rank_;
      if (!owned) continue;
      const int index = group.parameters[i];
      Add("momentum_buffer", At(index).shape, Dtype::kFp32, index);
      // Like the update, which is bf16 after orthogonalisation.
      if (family_.second_momentum) {
        Add("second_momentum_buffer", FactoredShape(At(index).shape), Dtype::kBf16, index);
      }
    }
  }

  void AddMuonStacked(const Group& group) {
    const auto count = static_cast<int64_t>(group.parameters.size());
    const int64_t slots = config_.distributed() ? PaddedCount(count, world_) / world_ : count;
    const std::vector<int64_t>& one = At(group.parameters[0]).shape;
    const auto stacked = [&](const std::vector<int64_t>& shape) {
      return std::vector<int64_t>{slots, shape[0], shape[1]};
    };
    Add("momentum_buffer", stacked(one), Dtype::kFp32, -1);
    Add("second_momentum_buffer", stacked(FactoredShape(one)), Dtype::kFp32, -1);
  }

  const RunConfig& config_;
  const Family& family_;
  const Shapes& shapes_;
  const int64_t rank_, world_;
  int group_ = 0;
  std::vector<State> states_;
};

}  // namespace

int64_t SizeOf(Dtype dtype) { return dtype == Dtype::kFp32 ? 4 : 2; }

int64_t Tensor::elements() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

Bytes Tensor::bytes() const { return Bytes(elements() * SizeOf(dtype)); }

int64_t Shapes::parameter_count() const {
  int64_t count = 0;
  for (const Parameter& parameter : parameters) count += parameter.elements();
  return count;
}

Bytes Shapes::parameter_bytes() const {
  Bytes bytes;
  for (const Parameter& parameter : parameters) bytes += parameter.bytes();
  return bytes;
}

int64_t PaddedCount(int64_t count, int64_t world_size) {
  return (count + world_size - 1) / world_size * world_size;
}

bool IsSliced(const RunConfig& config, const Parameter& parameter) {
  const Family& family = *config.revision.family;
  if (!config.distributed()) return false;
  if (family.single_class && *config.world_size == 1) return false;
  return !family.small_all_reduced || parameter.elements() >= kSmall;
}

Shapes ShapesOf(const RunConfig& config) { return ShapeBuilder(config).Build(); }

std::vector<State> OptimizerStates(const RunConfig& config, const Shapes& shapes, int64_t rank) {
  return StateBuilder(config, shapes, rank).Build();
}

}  // namespace vramcast::nanochat
