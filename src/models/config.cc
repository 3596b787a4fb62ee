#include "models/config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace vramcast::models {
namespace {

using Json = nlohmann::json;

// Sizes beyond this are mistakes: a product of three of them still fits 63 bits.
constexpr int64_t kLargestSize = 1 << 20;

constexpr std::array<std::string_view, 5> kKnown = {"gpt2", "llama", "mistral", "qwen2", "qwen3"};

// Types that are no plain decoders, or whose layers are nothing like a llama's.
constexpr std::array<std::string_view, 22> kForeign = {
    "albert", "bart",    "bert",  "clip",     "deberta-v2", "distilbert", "electra", "falcon",
    "gptj",   "gpt_neo", "mamba", "mamba2",   "mpt",        "opt",        "bloom",   "roberta",
    "rwkv",   "t5",      "vit",   "wav2vec2", "whisper",    "xlm-roberta"};

class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  const Json* Find(std::string_view name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  bool Has(std::string_view name) const { return Find(name) != nullptr; }

  // The first of `names` that is there. A field that is there and no size is an error.
  std::optional<int64_t> Size(std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      const Json* value = Find(name);
      if (!value) continue;
      if (!value->is_number_integer() || *value < 1 || *value > kLargestSize) {
        if (problem_.empty()) {
          problem_ = "\"" + std::string(name) + "\" is no size between 1 and " +
                     std::to_string(kLargestSize) + " in the model's configuration";
        }
        return {};
      }
      return value->get<int64_t>();
    }
    return {};
  }
  int64_t Needed(std::initializer_list<std::string_view> names) {
    const std::optional<int64_t> value = Size(names);
    if (!value && problem_.empty()) {
      problem_ = "the model's configuration has no \"" + std::string(*names.begin()) + "\"";
    }
    return value.value_or(1);
  }
  bool Flag(std::string_view name, bool otherwise) const {
    const Json* value = Find(name);
    return value && value->is_boolean() ? value->get<bool>() : otherwise;
  }
  double Share(std::string_view name, double otherwise) const {
    const Json* value = Find(name);
    if (!value || !value->is_number()) return otherwise;
    return std::clamp(value->get<double>(), 0.0, 1.0);
  }
  std::string Text(std::string_view name, std::string_view otherwise) const {
    const Json* value = Find(name);
    return value && value->is_string() ? value->get<std::string>() : std::string(otherwise);
  }
  void Fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }
  const std::string& problem() const { return problem_; }

 private:
  const Json& object_;
  std::string problem_;
};

template <size_t N>
bool Contains(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Why this is no plain decoder; empty if it may be one.
std::string ForeignReason(const Fields& fields, const std::string& type) {
  if (Contains(kForeign, type)) return "its layers are not those of a llama or a GPT-2";
  if (fields.Flag("is_encoder_decoder", false)) return "it has an encoder and a decoder";
  for (const char* key :
       {"num_experts", "num_local_experts", "n_routed_experts", "moe_intermediate_size"}) {
    if (fields.Has(key)) return "it is a mixture of experts";
  }
  for (const char* key : {"vision_config", "audio_config", "text_config"}) {
    if (fields.Has(key)) return "it has several towers";
  }
  for (const char* key : {"state_size", "ssm_state_size", "linear_num_key_heads"}) {
    if (fields.Has(key)) return "it has state-space or linear-attention layers";
  }
  if (fields.Flag("add_cross_attention", false)) return "it has cross-attention";
  return {};
}

// configuration_gpt2.py
void ReadGpt2(Fields& fields, ModelConfig* config) {
  config->family = Family::kGpt2;
  config->vocabulary = fields.Needed({"vocab_size"});
  config->hidden = fields.Needed({"n_embd", "hidden_size"});
  config->layers = fields.Needed({"n_layer", "num_hidden_layers"});
  config->heads = fields.Needed({"n_head", "num_attention_heads"});
  config->kv_heads = config->heads;
  config->positions = fields.Needed({"n_positions", "max_position_embeddings"});
  config->intermediate = fields.Size({"n_inner"}).value_or(4 * config->hidden);
  config->head_size = config->hidden / config->heads;
  config->activation = fields.Text("activation_function", "gelu_new");
  config->tied = fields.Flag("tie_word_embeddings", true);
  config->attention_dropout = fields.Share("attn_pdrop", 0.1);
  config->residual_dropout = fields.Share("resid_pdrop", 0.1);
  config->embedding_dropout = fields.Share("embd_pdrop", 0.1);
  config->qkv_bias = config->out_bias = config->mlp_bias = true;
  if (config->hidden % config->heads != 0) {
    fields.Fail("the width " + std::to_string(config->hidden) + " is not divisible by " +
                std::to_string(config->heads) + " heads");
  }
}

// configuration_llama.py, configuration_mistral.py, configuration_qwen2.py, configuration_qwen3.py
void ReadLlama(Fields& fields, ModelConfig* config) {
  config->vocabulary = fields.Needed({"vocab_size"});
  config->hidden = fields.Needed({"hidden_size", "n_embd", "d_model"});
  config->layers = fields.Needed({"num_hidden_layers", "n_layer"});
  config->heads = fields.Needed({"num_attention_heads", "n_head"});
  config->intermediate = fields.Needed({"intermediate_size"});
  // mistral's class has 8 where the file says nothing, qwen's 32.
  const int64_t kv_otherwise = config->type == "mistral"                            ? 8
                               : config->type == "qwen2" || config->type == "qwen3" ? 32
                                                                                    : config->heads;
  config->kv_heads =
      fields.Size({"num_key_value_heads"})
          .value_or(fields.Has("num_key_value_heads") ? config->heads
                                                      : std::min(kv_otherwise, config->heads));
  config->head_size =
      fields.Size({"head_dim"})
          .value_or(config->type == "qwen3" ? 128
                                            : std::max<int64_t>(1, config->hidden / config->heads));
  config->positions = fields.Size({"max_position_embeddings"}).value_or(0);
  config->activation = fields.Text("hidden_act", "silu");
  config->tied = fields.Flag("tie_word_embeddings", false);
  config->attention_dropout = fields.Share("attention_dropout", 0);
  const bool attention_bias = fields.Flag("attention_bias", false);
  config->qkv_bias = config->type == "qwen2" || attention_bias;
  config->out_bias = config->type != "qwen2" && attention_bias;
  config->mlp_bias = fields.Flag("mlp_bias", false);
  config->head_norms = config->type == "qwen3";
  const bool slides = config->type == "mistral" || fields.Flag("use_sliding_window", false);
  if (slides) config->sliding_window = fields.Size({"sliding_window"});
  if (config->heads % config->kv_heads != 0) {
    fields.Fail(std::to_string(config->heads) + " attention heads cannot share " +
                std::to_string(config->kv_heads) + " key-value heads");
  }
}

}  // namespace

std::vector<std::string> KnownTypes() { return {kKnown.begin(), kKnown.end()}; }

Result<ModelConfig> ReadConfig(std::string_view text) {
  const Json object = Json::parse(text, nullptr, false);
  if (object.is_discarded() || !object.is_object()) {
    return UnreadableError("the model's configuration is no JSON object");
  }
  Fields fields(object);
  ModelConfig config;
  config.type = fields.Text("model_type", "");
  if (config.type.empty()) {
    return UnreadableError("the model's configuration has no \"model_type\"");
  }
  const std::string foreign = ForeignReason(fields, config.type);
  if (!foreign.empty()) {
    return UsageError("the architecture \"" + config.type + "\" is not known: " + foreign);
  }
  config.known = Contains(kKnown, config.type);
  if (config.type == "gpt2") {
    ReadGpt2(fields, &config);
  } else {
    ReadLlama(fields, &config);
  }
  if (!fields.problem().empty()) return UnreadableError(fields.problem());
  if (!config.known) {
    config.notes.push_back("the architecture \"" + config.type +
                           "\" is not known: forecast as a llama of the same sizes, the interval "
                           "widened");
  }
  return config;
}

}  // namespace vramcast::models
