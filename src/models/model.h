// A transformers model as its own Python code is written: parameters in the order that modules make
// them, and a forward pass whose locals live as long as Python's.
// Sources: models/llama/modeling_llama.py (mistral, qwen2 and qwen3 alike) and
// models/gpt2/modeling_gpt2.py of transformers 5.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/config.h"
#include "models/context.h"
#include "models/ops.h"
#include "models/options.h"
#include "models/sharding.h"

namespace vramcast::models {

// A matrix with what may come with it.
struct Projection {
  Parameter* weight = nullptr;
  Parameter* bias = nullptr;
  Parameter* lora_down = nullptr;  // lora_A
  Parameter* lora_up = nullptr;    // lora_B
};

struct Block {
  Parameter* first_norm = nullptr;
  Parameter* first_norm_bias = nullptr;
  Parameter* second_norm = nullptr;
  Parameter* second_norm_bias = nullptr;
  Projection query, key, value;  // gpt2: query is all three
  Parameter* query_norm = nullptr;
  Parameter* key_norm = nullptr;
  Projection out;
  Projection gate, up, down;  // gpt2: up and down
};

class Model {
 public:
  // Makes the parameters on the device, as from_config and from_pretrained do.
  // With a sharding that splits them, parameters are only names for what is gathered.
  Model(Context* context, ModelConfig config, TrainingOptions options, Sharding* sharding);

  // One micro-batch: the mean loss of its tokens.
  Tensor Loss(int64_t sequence);

  // The same under torch.compile, backward pass included.
  void CompiledPass(int64_t sequence, Phase forward, Phase backward);

  // In the order of model.parameters(); with LoRA the adapters as peft places them.
  const std::vector<std::unique_ptr<Parameter>>& parameters() const { return parameters_; }
  // The parameters that a unit of a sharding wrapper holds: one a block, and the rest.
  const std::vector<std::vector<Parameter*>>& units() const { return units_; }
  int64_t parameter_count() const;
  int64_t trainable_count() const;
  const ModelConfig& config() const { return config_; }

 private:
  struct Inputs;
  Parameter* Make(int64_t rows, int64_t columns, int64_t width, size_t unit, bool trainable);
  Parameter* MakeVector(int64_t count, size_t unit);
  Projection MakeProjection(int64_t out, int64_t in, bool bias, size_t unit);
  void AddAdapters();
  void AddAdapter(Projection* projection, size_t unit, const char* name);
  void MakeLlama();
  void MakeGpt2();

  Tensor Project(const Tensor& x, const Projection& projection, Role role, ProductKind kind);
  Tensor RmsNorm(const Tensor& x, Parameter* weight);
  Tensor Activate(const Tensor& x);
  Tensor Rotate(const Tensor& x, const Tensor& cosines, const Tensor& sines);
  Tensor LlamaAttention(const Tensor& x, const Block& block, const Inputs& inputs);
  Tensor LlamaMlp(const Tensor& x, const Block& block);
  Tensor LlamaBlock(const Tensor& x, const Block& block, const Inputs& inputs);
  Tensor Gpt2Attention(const Tensor& x, const Block& block, const Inputs& inputs);
  Tensor Gpt2Mlp(const Tensor& x, const Block& block);
  Tensor Gpt2Block(const Tensor& x, const Block& block, const Inputs& inputs);
  Inputs MakeInputs(int64_t sequence, int64_t width);
  Tensor LlamaHidden(int64_t sequence);
  Tensor Gpt2Hidden(int64_t sequence);
  // Hooks of a sharding wrapper around a block's forward and backward pass.
  template <typename Run>
  Tensor InUnit(size_t unit, const Tensor& x, Run run);
  struct CompiledBlock;
  struct CompiledPassState;
  Tensor Weight(const CompiledPassState& state, Parameter* parameter);
  void CompiledBlockForward(const Block& block, CompiledPassState* state, CompiledBlock* saved);
  void CompiledBlockBackward(const Block& block, CompiledPassState* state, CompiledBlock* saved);
  void MakeGradient(Parameter* parameter, int64_t width);
  void MakeGradients(const Projection& projection, int64_t width);
  template <typename Run>
  Tensor RunBlocks(Tensor hidden, const Inputs& inputs, Run run);

  Context& c_;
  Sharding& sharding_;
  ModelConfig config_;
  TrainingOptions options_;
  int64_t width_;  // bytes per weight
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<std::vector<Parameter*>> units_;
  std::vector<Block> blocks_;
  Parameter* embedding_ = nullptr;
  Parameter* positions_ = nullptr;
  Parameter* final_norm_ = nullptr;
  Parameter* final_norm_bias_ = nullptr;
  Parameter* head_ = nullptr;
  std::vector<Tensor> buffers_;
  int64_t tokens_ = 0;  // of the pass that runs
};

}  // namespace vramcast::models
