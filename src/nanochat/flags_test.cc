#include "nanochat/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vramcast::nanochat {
namespace {

using ::testing::IsEmpty;

Revision At(std::string_view text) { return FindRevision(text).value_or(Revision{}); }

TEST(Flags, DefaultsAreThoseOfTheRevision) {
  const auto value = [](std::string_view revision, std::string_view script, std::string_view flag) {
    const auto spec = FindFlag(At(revision), script, flag);
    return spec ? std::string(spec->default_value) : "none";
  };
  EXPECT_EQ(value("oct2025", "scripts.base_train", "--total_batch_size"), "524288");
  EXPECT_EQ(value("head", "scripts.base_train", "total-batch-size"), "-1");
  EXPECT_EQ(value("oct2025", "base_train", "target_param_data_ratio"), "20");
  EXPECT_EQ(value("head", "base_train", "target_param_data_ratio"), "12");
  EXPECT_EQ(value("oct2025", "scripts/base_train.py", "eval_tokens"), "10485760");
  EXPECT_EQ(value("head", "base_train", "eval_tokens"), "41943040");
  EXPECT_EQ(value("oct2025", "chat_sft", "target_examples_per_step"), "32");
  EXPECT_EQ(value("oct2025", "chat_rl", "num_samples"), "16");
  EXPECT_EQ(value("head", "chat_sft", "device_batch_size"), "");
  EXPECT_EQ(value("oct2025", "base_train", "window_pattern"), "none");
  EXPECT_EQ(value("2026-01-12", "base_train", "window_pattern"), "SSSL");
}

TEST(Flags, SpellingFollowsTheScript) {
  EXPECT_EQ(Spell(At("oct2025"), "base_train", "device-batch-size"), "--device_batch_size");
  EXPECT_EQ(Spell(At("jan2026-argparse"), "base_train", "depth"), "--depth");
  EXPECT_EQ(Spell(At("jan2026-argparse"), "base_train", "max_seq_len"), "--max_seq_len");
  EXPECT_EQ(Spell(At("head"), "base_train", "device_batch_size"), "--device-batch-size");
  EXPECT_EQ(Spell(At("oct2025"), "chat_eval", "max_new_tokens"), "--max-new-tokens");
}

TEST(Flags, ScriptsComeAndGo) {
  EXPECT_TRUE(HasScript(At("oct2025"), "scripts.mid_train"));
  EXPECT_FALSE(HasScript(At("head"), "scripts.mid_train"));
  EXPECT_TRUE(HasScript(At("oct2025"), "base_loss"));
  EXPECT_FALSE(HasScript(At("head"), "base_loss"));
  EXPECT_THAT(FlagsOf(At("head"), "scripts.mid_train"), IsEmpty());
  EXPECT_THAT(FlagsOf(At("head"), "scripts.nonsense"), IsEmpty());
}

TEST(Flags, LettersBelongToTheirFlag) {
  const auto spec = FindFlag(At("head"), "chat_eval", "-b");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->name, "batch_size");
  EXPECT_EQ(spec->default_value, "8");
}

TEST(Flags, WhoAsksForExpandableSegments) {
  EXPECT_EQ(AllocConfVariable(At("oct2025"), "base_train"), "PYTORCH_CUDA_ALLOC_CONF");
  EXPECT_EQ(AllocConfVariable(At("head"), "base_train"), "PYTORCH_ALLOC_CONF");
  EXPECT_EQ(AllocConfVariable(At("oct2025"), "chat_rl"), std::nullopt);
  EXPECT_EQ(AllocConfVariable(At("head"), "chat_rl"), std::nullopt);
}

TEST(Flags, AMissingFlagIsSuggested) {
  EXPECT_EQ(SuggestFlag(At("head"), "base_train", "--seq-len"), "--max-seq-len");
  EXPECT_EQ(SuggestFlag(At("oct2025"), "base_train", "--seq_len"), "--max_seq_len");
  EXPECT_EQ(SuggestFlag(At("head"), "base_train", "--batch-size"), "--device-batch-size");
  EXPECT_EQ(SuggestFlag(At("head"), "chat_eval", "--device-batch-size"), "--batch-size");
  EXPECT_EQ(SuggestFlag(At("head"), "base_train", "--dept"), "--depth");
  EXPECT_EQ(SuggestFlag(At("oct2025"), "chat_sft", "--num_iterations"), "--max_iterations");
  EXPECT_EQ(SuggestFlag(At("head"), "base_train", "--zzzzzzzzzzzz"), std::nullopt);
}

TEST(Flags, BothSpellingsAreRead) {
  const std::vector<std::string> arguments = {"--depth=20",
                                              "--device_batch_size=32",
                                              "--fp8",
                                              "--window-pattern",
                                              "SSSL",
                                              "--eval-every=-1",
                                              "--",
                                              "--total-batch-size",
                                              "524_288",
                                              "--run=try",
                                              "--target-param-data-ratio=9.5"};
  const Result<Flags> flags = ParseFlags(arguments);
  ASSERT_TRUE(flags) << flags.error().message;
  EXPECT_EQ(flags->depth, 20);
  EXPECT_EQ(flags->device_batch_size, 32);
  EXPECT_EQ(flags->fp8, true);
  EXPECT_EQ(flags->window_pattern, "SSSL");
  EXPECT_EQ(flags->eval_every, -1);
  EXPECT_EQ(flags->total_batch_size, 524288);
  EXPECT_EQ(flags->target_param_data_ratio, 9.5);
  EXPECT_EQ(flags->others.at("run"), "try");
}

TEST(Flags, LettersAreReadWhereTheScriptHasThem) {
  const std::vector<std::string> arguments = {"-i", "sft", "-b", "4"};
  const Result<Flags> flags = ParseFlags(arguments, FlagsOf(At("head"), "chat_eval"));
  ASSERT_TRUE(flags) << flags.error().message;
  EXPECT_EQ(flags->device_batch_size, 4);
  EXPECT_EQ(flags->others.at("source"), "sft");
}

TEST(Flags, WhatCannotBeAValueIsRefused) {
  Flags flags;
  EXPECT_FALSE(SetFlag(flags, "--depth", "deep"));
  EXPECT_FALSE(SetFlag(flags, "--depth", ""));
  EXPECT_FALSE(SetFlag(flags, "--dtype", "int8"));
  EXPECT_FALSE(SetFlag(flags, "--launcher", "mpirun"));
  EXPECT_FALSE(SetFlag(flags, "--stage", "pretrain"));
  EXPECT_TRUE(SetFlag(flags, "--dtype", "auto"));
  const std::vector<std::string> word = {"depth"};
  EXPECT_FALSE(ParseFlags(word));
  const std::vector<std::string> alone = {"--depth"};
  EXPECT_FALSE(ParseFlags(alone));
}

TEST(Flags, EveryScriptOfEveryFamilyHasFlags) {
  for (const Family& family : Families()) {
    const Revision revision = At(family.name);
    for (const std::string_view script : {"base_train", "chat_sft", "chat_rl", "chat_eval"}) {
      EXPECT_GT(FlagsOf(revision, script).size(), 5u) << family.name << ' ' << script;
    }
    EXPECT_EQ(HasScript(revision, "mid_train"), family.mid_stage) << family.name;
    EXPECT_EQ(HasScript(revision, "base_loss"), family.base_loss_script) << family.name;
    EXPECT_EQ(FindFlag(revision, "base_train", "window_pattern").has_value(), family.windows)
        << family.name;
    EXPECT_EQ(FindFlag(revision, "base_train", "fp8").has_value(), family.fp8 != Fp8::kNone)
        << family.name;
    EXPECT_EQ(FindFlag(revision, "base_train", "resume_from_step").has_value(), family.can_resume)
        << family.name;
    EXPECT_EQ(FindFlag(revision, "base_train", "grad_clip").has_value(), family.grad_clip)
        << family.name;
  }
}

}  // namespace
}  // namespace vramcast::nanochat
