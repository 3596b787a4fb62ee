#include "models/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/presets.h"

namespace vramcast::models {
namespace {

using testing::HasSubstr;

constexpr const char* kLlama = R"({"model_type": "llama", "vocab_size": 1000, "hidden_size": 64,
  "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4)";

std::string Llama(const std::string& more = "") { return kLlama + more + "}"; }

TEST(ReadConfig, TakesWhatTransformersWouldAssumeWhereTheFileIsSilent) {
  const auto config = ReadConfig(Llama());
  ASSERT_TRUE(config);
  EXPECT_EQ(config->kv_heads, 4);
  EXPECT_EQ(config->head_size, 16);
  EXPECT_FALSE(config->tied);
  EXPECT_FALSE(config->qkv_bias);
  EXPECT_TRUE(config->known);
}

TEST(ReadConfig, KnowsTheBiasesOfQwenAndTheDropoutOfGpt2) {
  const auto qwen = ReadConfig(
      R"({"model_type": "qwen2", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 160,
          "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2})");
  ASSERT_TRUE(qwen);
  EXPECT_TRUE(qwen->qkv_bias);
  EXPECT_FALSE(qwen->out_bias);
  const auto gpt2 = ReadConfig(
      R"({"model_type": "gpt2", "vocab_size": 100, "n_positions": 64, "n_embd": 32, "n_layer": 1,
          "n_head": 2, "n_inner": null, "resid_pdrop": 0})");
  ASSERT_TRUE(gpt2);
  EXPECT_EQ(gpt2->intermediate, 128);
  EXPECT_EQ(gpt2->residual_dropout, 0);
  EXPECT_EQ(gpt2->attention_dropout, 0.1);
  EXPECT_TRUE(gpt2->tied);
}

TEST(ReadConfig, SaysWhichFieldIsMissingOrWrong) {
  EXPECT_THAT(ReadConfig(R"({"model_type": "llama", "vocab_size": 10})").error().message,
              HasSubstr("hidden_size"));
  EXPECT_THAT(ReadConfig(Llama(R"(, "num_key_value_heads": -1)")).error().message,
              HasSubstr("num_key_value_heads"));
  EXPECT_THAT(ReadConfig(Llama(R"(, "num_key_value_heads": 3)")).error().message,
              HasSubstr("cannot share"));
  EXPECT_EQ(ReadConfig("[1, 2]").error().kind, ErrorKind::kUnreadable);
  EXPECT_EQ(ReadConfig("{\"model_type\": ").error().kind, ErrorKind::kUnreadable);
  EXPECT_EQ(ReadConfig("").error().kind, ErrorKind::kUnreadable);
}

TEST(ReadConfig, RefusesArchitecturesThatAreNoPlainDecoders) {
  for (const char* text : {R"({"model_type": "bert"})", R"({"model_type": "t5"})",
                           R"({"model_type": "new", "is_encoder_decoder": true})",
                           R"({"model_type": "new", "vision_config": {}})"}) {
    const auto config = ReadConfig(text);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(config.error().message, HasSubstr("not known"));
  }
  EXPECT_THAT(ReadConfig(Llama(R"(, "num_local_experts": 8)")).error().message,
              HasSubstr("mixture of experts"));
}

TEST(ReadConfig, ReadsAnUnknownDecoderAsALlamaAndSaysSo) {
  std::string text = Llama();
  text.replace(text.find("llama"), 5, "orion");
  const auto config = ReadConfig(text);
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->known);
  ASSERT_EQ(config->notes.size(), 1u);
  EXPECT_THAT(config->notes.front(), HasSubstr("orion"));
}

TEST(FindPreset, EveryPresetIsAReadableConfiguration) {
  for (const std::string& name : PresetNames()) {
    const auto config = FindPreset(name);
    ASSERT_TRUE(config) << name;
    EXPECT_TRUE(config->known) << name;
    EXPECT_EQ(config->name, name);
  }
  EXPECT_EQ(FindPreset("llama")->name, "llama-7b");
  EXPECT_THAT(FindPreset("no-such-model").error().message, HasSubstr("llama-3-8b"));
}

}  // namespace
}  // namespace vramcast::models
