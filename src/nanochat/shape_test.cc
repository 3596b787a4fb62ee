#include "nanochat/shape.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace vramcast::nanochat {
namespace {

Flags Model(int64_t depth, int64_t vocab, int64_t world = 1) {
  Flags flags;
  flags.depth = depth;
  flags.vocab_size = vocab;
  flags.world_size = world;
  return flags;
}

RunConfig Config(std::string_view revision, const Flags& flags) {
  const auto found = FindRevision(revision);
  EXPECT_TRUE(found);
  const auto run = Resolve(flags, *found, Stage::kBase);
  EXPECT_TRUE(run) << run.error().message;
  return *run;
}

int64_t Count(std::string_view revision, int64_t depth, int64_t vocab) {
  return ShapesOf(Config(revision, Model(depth, vocab))).parameter_count();
}

// What nanochat itself printed in public logs.
TEST(Shapes, CountAsNanochatPrints) {
  EXPECT_EQ(Count("dd6ff9a", 20, 65536), 560988160);
  EXPECT_EQ(Count("fae3aca", 32, 65536), 1879048192);
  EXPECT_EQ(Count("c75fe54", 10, 65536), 133038080);
  EXPECT_EQ(Count("83dccc2", 16, 32768), 536872992);
  EXPECT_EQ(Count("c7ba252", 24, 32768), 1384124976);
  EXPECT_EQ(Count("5019acc", 24, 32768), 1384122122);
  EXPECT_EQ(Count("92d63d4", 20, 32768), 896533746);
  EXPECT_EQ(Count("92d63d4", 4, 32768), 36700242);
  EXPECT_EQ(Count("dc54a1a", 8, 32768), 125829354);
}

TEST(Shapes, EmbeddingsAreHalfAndMatricesFull) {
  const Shapes shapes = ShapesOf(Config("head", Model(4, 32768)));
  for (const Parameter& parameter : shapes.parameters) {
    EXPECT_EQ(parameter.dtype, parameter.embedding ? Dtype::kBf16 : Dtype::kFp32) << parameter.name;
  }
  EXPECT_EQ(shapes.buffers[0].shape, (std::vector<int64_t>{1, 20480, 1, 64}));
  EXPECT_EQ(shapes.buffers[0].dtype, Dtype::kBf16);
}

TEST(Shapes, WithoutBf16EverythingIsFull) {
  Flags flags = Model(4, 32768);
  const auto old_card = Resolve(flags, *FindRevision("head"), Stage::kBase, 75);
  for (const Parameter& parameter : ShapesOf(*old_card).parameters) {
    EXPECT_EQ(parameter.dtype, Dtype::kFp32) << parameter.name;
  }
  flags.dtype = Dtype::kFp16;  // embeddings stay fp32 for the gradient scaler
  const Shapes shapes = ShapesOf(Config("head", flags));
  EXPECT_EQ(shapes.parameters[0].dtype, Dtype::kFp32);
  EXPECT_EQ(shapes.buffers[0].dtype, Dtype::kFp16);
}

TEST(Shapes, TheVocabularyIsPaddedFromDecember2025) {
  EXPECT_EQ(ShapesOf(Config("oct2025", Model(4, 65537))).parameters[0].shape[0], 65537);
  EXPECT_EQ(ShapesOf(Config("dec2025-padding", Model(4, 65537))).parameters[0].shape[0], 65600);
}

TEST(Shapes, GroupsFollowTheOptimizer) {
  const Shapes shapes = ShapesOf(Config("head", Model(4, 32768)));
  // lm_head, wte, value embeddings, two lambdas, smear; gates, c_proj, square matrices, c_fc.
  ASSERT_EQ(shapes.groups.size(), 10u);
  EXPECT_EQ(shapes.parameters[static_cast<size_t>(shapes.groups[0].parameters[0])].name,
            "lm_head.weight");
  EXPECT_EQ(shapes.groups[5].parameters.size(), 3u);
  EXPECT_EQ(shapes.groups[6].parameters.size(), 2u);
  EXPECT_EQ(shapes.groups[7].parameters.size(), 16u);
  EXPECT_EQ(shapes.groups[9].kind, UpdateKind::kMuon);
}

int64_t StateElements(const RunConfig& config, std::string_view name, int64_t rank = 0) {
  int64_t elements = 0;
  for (const State& state : OptimizerStates(config, ShapesOf(config), rank)) {
    if (state.name == name) elements += state.elements();
  }
  return elements;
}

TEST(OptimizerStates, October2025ShardsMuonByTensor) {
  const RunConfig one = Config("oct2025", Model(20, 65536));
  const RunConfig eight = Config("oct2025", Model(20, 65536, 8));
  EXPECT_EQ(StateElements(one, "momentum_buffer"), 20LL * 12 * 1280 * 1280);
  EXPECT_EQ(StateElements(eight, "exp_avg"), 2LL * 65536 * 1280 / 8);
  // 80 square matrices and 20 of each other shape over 8 ranks: ranks below 4 own three of those.
  EXPECT_EQ(StateElements(eight, "momentum_buffer", 0), (10 + 3 * 4 + 3 * 4) * 1280LL * 1280);
  EXPECT_EQ(StateElements(eight, "momentum_buffer", 7), (10 + 2 * 4 + 2 * 4) * 1280LL * 1280);
  EXPECT_EQ(StateElements(eight, "zero_buffer"), (1 + 4 + 4) * 1280LL * 1280);
  EXPECT_EQ(StateElements(one, "zero_buffer"), 0);
  EXPECT_EQ(StateElements(one, "second_momentum_buffer"), 0);
}

TEST(OptimizerStates, HeadPadsStacksAndKeepsSmallTensorsWhole) {
  const RunConfig eight = Config("head", Model(20, 32768, 8));
  EXPECT_EQ(StateElements(eight, "momentum_buffer", 0), StateElements(eight, "momentum_buffer", 7));
  // Gates 10/8 -> 2 slots of 10 x 12, c_proj and c_fc 20/8 -> 3 slots, square 80/8 -> 10 slots.
  EXPECT_EQ(StateElements(eight, "momentum_buffer"),
            2 * 10 * 12 + (10 + 3 * 4 + 3 * 4) * 1280LL * 1280);
  EXPECT_EQ(StateElements(eight, "exp_avg"), 12LL * 32768 * 1280 / 8 + 2 * 20 + 26);
  EXPECT_EQ(StateElements(eight, "step"), 0);
}

TEST(OptimizerStates, TorchrunWithOneRankOwnsEverything) {
  Flags flags = Model(6, 32768);
  flags.launcher = Launcher::kTorchrun;
  const RunConfig alone = Config("oct2025", flags);
  EXPECT_EQ(StateElements(alone, "exp_avg"), 2LL * 32768 * 384);
  EXPECT_EQ(StateElements(alone, "zero_buffer"), 9LL * 384 * 384);
}

TEST(Fp8, TakesTheLayersThatTheRevisionTakes) {
  Flags flags = Model(32, 32768);
  flags.fp8 = true;
  const auto converted = [](const RunConfig& config) {
    const Shapes shapes = ShapesOf(config);
    return std::count_if(shapes.parameters.begin(), shapes.parameters.end(),
                         [](const Parameter& parameter) { return parameter.fp8; });
  };
  // Depth 32 has 16 heads, so that the gates of 16 x 32 fit the first rule and not the later one.
  EXPECT_EQ(converted(Config("feb2026-ownfp8", flags)), 32 * 6 + 16 + 1);
  EXPECT_EQ(converted(Config("feb2026-fp8saved", flags)), 32 * 6 + 1);
}

RC_GTEST_PROP(Shapes, CountsAgreeWithTheListing, ()) {
  const auto families = Families();
  const Family& family = families[*rc::gen::inRange<size_t>(0, families.size())];
  Flags flags =
      Model(*rc::gen::inRange(1, 40), *rc::gen::inRange(1, 70000), *rc::gen::inRange(1, 9));
  flags.head_dim = *rc::gen::element(32, 64, 80, 128);
  const RunConfig config = Config(family.name, flags);
  const Shapes shapes = ShapesOf(config);
  RC_ASSERT(shapes.parameter_count() == CountParameters(family, config.model).total());
  size_t grouped = 0;
  for (const Group& group : shapes.groups) grouped += group.parameters.size();
  RC_ASSERT(grouped == shapes.parameters.size());
  for (const State& state : OptimizerStates(config, shapes, *config.world_size - 1)) {
    RC_ASSERT(state.elements() >= 0);
  }
}

}  // namespace
}  // namespace vramcast::nanochat
