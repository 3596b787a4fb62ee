// A model as its config.json describes it: the fields that decide memory, by the names and defaults
// of transformers 5.x.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vramcast::models {

enum class Family : uint8_t {
  kLlama,  // RMSNorm, rotary embeddings, gated MLP
  kGpt2,   // LayerNorm, learned positions, dropout
};

struct ModelConfig {
  std::string type;  // "llama"
  std::string name;  // of a preset or file; may be empty
  Family family = Family::kLlama;
  // True where the layer code of `type` is known; else it is read as a llama by its fields.
  bool known = true;

  int64_t vocabulary = 0;
  int64_t hidden = 0;
  int64_t intermediate = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_size = 0;
  int64_t positions = 0;  // of learned position embeddings; else the longest sequence
  std::string activation = "silu";

  bool tied = false;  // embedding and output layer share their weights
  bool qkv_bias = false;
  bool out_bias = false;  // of the attention's output projection
  bool mlp_bias = false;
  bool head_norms = false;  // RMSNorm of each query and key (qwen3)
  double attention_dropout = 0;
  double residual_dropout = 0;   // gpt2
  double embedding_dropout = 0;  // gpt2
  std::optional<int64_t> sliding_window;

  std::vector<std::string> notes;  // what was assumed
};

// Reads a config.json. Unreadable error for text that is no JSON object or lacks a needed field, or
// holds sizes beyond what any machine has; usage error for an architecture that is not a plain
// decoder (encoders, mixtures of experts, state spaces, several towers).
Result<ModelConfig> ReadConfig(std::string_view text);

// Model types whose layer code is known.
std::vector<std::string> KnownTypes();

}  // namespace vramcast::models
