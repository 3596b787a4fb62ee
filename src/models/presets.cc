#include "models/presets.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace vramcast::models {
namespace {

struct Preset {
  std::string_view name;
  const char* config;
};

// Sizes as published with the models on their hub pages (config.json) and in their papers: GPT-2
// (Radford et al. 2019), LLaMA (arXiv 2302.13971), Llama 3 (arXiv 2407.21783), Mistral 7B (arXiv
// 2310.06825), Qwen2 and Qwen2.5 (arXiv 2407.10671, 2412.15115), Qwen3 (arXiv 2505.09388).
constexpr std::array<Preset, 17> kPresets = {{
    {"gpt2", R"({"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 768,
                 "n_layer": 12, "n_head": 12})"},
    {"gpt2-medium", R"({"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024,
                        "n_embd": 1024, "n_layer": 24, "n_head": 16})"},
    {"gpt2-large", R"({"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024,
                       "n_embd": 1280, "n_layer": 36, "n_head": 20})"},
    {"gpt2-xl", R"({"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024,
                    "n_embd": 1600, "n_layer": 48, "n_head": 25})"},
    {"llama-7b", R"({"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096,
                     "intermediate_size": 11008, "num_hidden_layers": 32,
                     "num_attention_heads": 32})"},
    {"llama-13b", R"({"model_type": "llama", "vocab_size": 32000, "hidden_size": 5120,
                      "intermediate_size": 13824, "num_hidden_layers": 40,
                      "num_attention_heads": 40})"},
    {"llama-3-8b", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096,
                       "intermediate_size": 14336, "num_hidden_layers": 32,
                       "num_attention_heads": 32, "num_key_value_heads": 8})"},
    {"llama-3-70b", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 8192,
                        "intermediate_size": 28672, "num_hidden_layers": 80,
                        "num_attention_heads": 64, "num_key_value_heads": 8})"},
    {"llama-3.2-1b", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 2048,
                         "intermediate_size": 8192, "num_hidden_layers": 16,
                         "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
                         "tie_word_embeddings": true})"},
    {"llama-3.2-3b", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 3072,
                         "intermediate_size": 8192, "num_hidden_layers": 28,
                         "num_attention_heads": 24, "num_key_value_heads": 8, "head_dim": 128,
                         "tie_word_embeddings": true})"},
    {"mistral-7b", R"({"model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096,
                       "intermediate_size": 14336, "num_hidden_layers": 32,
                       "num_attention_heads": 32, "num_key_value_heads": 8})"},
    {"qwen2-0.5b", R"({"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896,
                       "intermediate_size": 4864, "num_hidden_layers": 24,
                       "num_attention_heads": 14, "num_key_value_heads": 2,
                       "tie_word_embeddings": true})"},
    {"qwen2-1.5b", R"({"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 1536,
                       "intermediate_size": 8960, "num_hidden_layers": 28,
                       "num_attention_heads": 12, "num_key_value_heads": 2,
                       "tie_word_embeddings": true})"},
    {"qwen2-7b", R"({"model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584,
                     "intermediate_size": 18944, "num_hidden_layers": 28,
                     "num_attention_heads": 28, "num_key_value_heads": 4})"},
    {"qwen3-0.6b", R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024,
                       "intermediate_size": 3072, "num_hidden_layers": 28,
                       "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
                       "tie_word_embeddings": true})"},
    {"qwen3-8b", R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 4096,
                     "intermediate_size": 12288, "num_hidden_layers": 36,
                     "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128})"},
    {"tinyllama-1.1b", R"({"model_type": "llama", "vocab_size": 32000, "hidden_size": 2048,
                           "intermediate_size": 5632, "num_hidden_layers": 22,
                           "num_attention_heads": 32, "num_key_value_heads": 4})"},
}};

// A family's name alone means its best known size.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kShort = {
    {{"llama", "llama-7b"},
     {"llama-2-7b", "llama-7b"},
     {"llama-3.1-8b", "llama-3-8b"},
     {"mistral", "mistral-7b"},
     {"qwen2", "qwen2-7b"},
     {"qwen3", "qwen3-8b"}}};

}  // namespace

std::vector<std::string> PresetNames() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

Result<ModelConfig> FindPreset(std::string_view name) {
  std::string wanted = ToLower(name);
  for (const auto& [alias, target] : kShort) {
    if (wanted == alias) wanted = target;
  }
  for (const Preset& preset : kPresets) {
    if (preset.name != wanted) continue;
    Result<ModelConfig> config = ReadConfig(preset.config);
    if (config) config->name = preset.name;
    return config;
  }
  std::string all;
  for (const Preset& preset : kPresets) all += (all.empty() ? "" : ", ") + std::string(preset.name);
  return UsageError("no file and no known model is called \"" + std::string(name) +
                    "\"; known models: " + all);
}

}  // namespace vramcast::models
