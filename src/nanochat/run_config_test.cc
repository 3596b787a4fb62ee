#include "nanochat/run_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "nanochat/flags.h"
#include "nanochat/shape.h"

namespace vramcast::nanochat {
namespace {

RunConfig Config(std::string_view revision, const std::vector<std::string>& arguments,
                 Stage stage = Stage::kBase, std::optional<int> capability = {}) {
  const auto found = FindRevision(revision);
  const auto flags = ParseFlags(arguments);
  EXPECT_TRUE(found && flags);
  const auto run = Resolve(*flags, *found, stage, capability);
  EXPECT_TRUE(run) << run.error().message;
  return run.value_or(RunConfig{});
}

bool Warns(const RunConfig& run, Warning::Kind kind) {
  for (const Warning& warning : run.warnings) {
    if (warning.kind == kind) return true;
  }
  return false;
}

TEST(Resolve, October2025Defaults) {
  const RunConfig run = Config("oct2025", {"--world-size=8"});
  EXPECT_EQ(*run.depth, 20);
  EXPECT_EQ(run.depth.source, Source::kDefault);
  EXPECT_EQ(run.model.n_embd, 1280);
  EXPECT_EQ(run.model.n_head, 10);
  EXPECT_EQ(*run.vocab_size, 65536);
  EXPECT_EQ(*run.device_batch_size, 32);
  EXPECT_EQ(run.grad_accum_steps, 1);
  EXPECT_EQ(*run.num_iterations, 21400);  // speedrun.sh of October says so
  EXPECT_EQ(run.eval_steps, 20);
  EXPECT_EQ(*run.attention, Attention::kSdpa);
  EXPECT_EQ(*run.grad_clip, 1.0);
  EXPECT_TRUE(run.distributed());
  EXPECT_EQ(run.alloc_conf_variable, "PYTORCH_CUDA_ALLOC_CONF");
  EXPECT_FALSE(run.refused());
}

TEST(Resolve, TheTotalBatchFollowsThePowerLaw) {
  EXPECT_EQ(*Config("head", {"--depth=12"}).total_batch_size, 524288);
  EXPECT_EQ(*Config("head", {"--depth=24"}).total_batch_size, 1048576);
  EXPECT_EQ(*Config("head", {"--depth=26"}).total_batch_size, 1048576);
  EXPECT_EQ(*Config("head", {"--depth=4"}).total_batch_size, 262144);
  EXPECT_EQ(Config("head", {"--depth=24"}).total_batch_size.source, Source::kRule);
  EXPECT_EQ(*Config("2026-02-04", {"--depth=24"}).total_batch_size, 524288);
}

TEST(Resolve, HeadsFollowTheRuleOfTheTime) {
  EXPECT_TRUE(Config("oct2025", {"--depth=11"}).refused());  // 704 over 6 heads
  const RunConfig divisor = Config("jan2026-heads", {"--depth=11"}, Stage::kBase, 80);
  EXPECT_EQ(divisor.model.n_embd, 704);
  EXPECT_EQ(divisor.model.n_head, 8);  // 5.5 rounds to 6; neither it nor 7 nor 5 divides
  const RunConfig rounded = Config("head", {"--depth=11"});
  EXPECT_EQ(rounded.model.n_embd, 768);
  EXPECT_EQ(rounded.model.n_head, 6);
  EXPECT_EQ(Config("head", {"--depth=12", "--head-dim=64"}).model.n_head, 12);
}

TEST(Resolve, WindowsShrankInMarch2026) {
  EXPECT_THAT(Config("oct2025", {"--depth=4"}).model.windows, ::testing::Each(2048));
  EXPECT_EQ(Config("jan2026-ve", {"--depth=8"}).model.windows,
            (std::vector<int64_t>{1024, 1024, 1024, 2048, 1024, 1024, 1024, 2048}));
  EXPECT_EQ(Config("mar2026-tuned", {"--depth=5"}).model.windows,
            (std::vector<int64_t>{768, 768, 768, 2048, 2048}));
  EXPECT_EQ(Config("head", {"--depth=4", "--window-pattern=sl"}).model.windows,
            (std::vector<int64_t>{512, 2048, 512, 2048}));
  EXPECT_EQ(Config("head", {"--depth=2", "--max-seq-len=700"}).model.windows[0], 256);
}

TEST(Resolve, AttentionDependsOnCardRevisionAndDtype) {
  const auto attention = [](std::string_view revision, int capability) {
    return *Config(revision, {}, Stage::kBase, capability).attention;
  };
  EXPECT_EQ(attention("oct2025", 90), Attention::kSdpa);
  EXPECT_EQ(attention("mar2026", 90), Attention::kFa3);
  EXPECT_EQ(attention("mar2026", 89), Attention::kSdpa);
  EXPECT_EQ(attention("mar2026", 100), Attention::kSdpa);
  EXPECT_EQ(attention("head", 90), Attention::kFa3);
  EXPECT_EQ(*Config("head", {"--dtype=fp32"}).attention, Attention::kSdpa);
  EXPECT_TRUE(Config("jan2026-fa3", {}, Stage::kBase, 80).refused());
}

TEST(Resolve, OldCardsComputeInFp32FromMarch2026) {
  EXPECT_EQ(*Config("head", {}, Stage::kBase, 75).dtype, Dtype::kFp32);
  EXPECT_EQ(*Config("head", {}, Stage::kBase, 80).dtype, Dtype::kBf16);
  EXPECT_EQ(*Config("oct2025", {}, Stage::kBase, 75).dtype, Dtype::kBf16);
}

TEST(Resolve, WhatNanochatRefusesIsAWarning) {
  EXPECT_TRUE(Config("head", {"--device-batch-size=3"}).refused());
  EXPECT_TRUE(Config("oct2025", {"--vocab-size=65537", "--world-size=8"}).refused());
  EXPECT_FALSE(Config("dec2025-padding", {"--vocab-size=65537", "--world-size=8"}).refused());
  EXPECT_TRUE(Config("head", {"--fp8", "--fp8-recipe=rowwise"}).refused());
  EXPECT_FALSE(Config("feb2026-fp8", {"--fp8", "--fp8-recipe=rowwise"}).refused());
  EXPECT_TRUE(Config("head", {"--fp8"}, Stage::kBase, 80).refused());
  EXPECT_TRUE(Config("head", {}, Stage::kMid).refused());
  EXPECT_TRUE(Config("oct2025", {"--total-batch-size=-1"}).refused());
}

TEST(Resolve, ForeignFlagsAreHypotheses) {
  EXPECT_TRUE(Warns(Config("oct2025", {"--fp8"}), Warning::Kind::kHypothesis));
  EXPECT_TRUE(Warns(Config("oct2025", {"--window-pattern=SSSL"}), Warning::Kind::kHypothesis));
  EXPECT_TRUE(Warns(Config("oct2025", {"--resume-from-step=5"}), Warning::Kind::kHypothesis));
  EXPECT_TRUE(Warns(Config("oct2025", {"--aspect-ratio=80"}), Warning::Kind::kHypothesis));
  EXPECT_FALSE(Warns(Config("head", {"--fp8", "--aspect-ratio=80"}), Warning::Kind::kHypothesis));
}

TEST(Resolve, MinusOneMeansNever) {
  const RunConfig run = Config("head", {"--eval-every=-1", "--core-metric-every=-1"});
  EXPECT_EQ(*run.eval_every, -1);
  EXPECT_EQ(*run.core_metric_every, -1);
  EXPECT_TRUE(Warns(Config("oct2025", {"--core-metric-every=-1"}), Warning::Kind::kNote));
}

TEST(Resolve, LaterStagesHaveTheirOwnBatchRules) {
  const RunConfig padded = Config("oct2025", {"--world-size=8"}, Stage::kSft);
  EXPECT_EQ(*padded.device_batch_size, 4);
  EXPECT_EQ(*padded.examples_per_step, 32);
  EXPECT_EQ(*padded.total_batch_size, 0);
  EXPECT_EQ(padded.grad_accum_steps, 1);
  EXPECT_TRUE(Config("oct2025", {"--device-batch-size=5"}, Stage::kSft).refused());

  const RunConfig inherits = Config("head", {"--depth=24", "--world-size=8"}, Stage::kSft);
  EXPECT_EQ(*inherits.device_batch_size, 32);
  EXPECT_EQ(inherits.device_batch_size.source, Source::kAssumed);
  EXPECT_EQ(*inherits.total_batch_size, 1048576);
  EXPECT_TRUE(*inherits.load_optimizer);

  const RunConfig rl = Config("head", {"--world-size=8"}, Stage::kRl);
  EXPECT_EQ(*rl.device_batch_size, 8);
  EXPECT_EQ(rl.grad_accum_steps, 4);  // 16 questions of 16 samples over 8 ranks of 8 rows
  EXPECT_EQ(*rl.num_iterations, 467);
  EXPECT_TRUE(Config("head", {"--world-size=3"}, Stage::kRl).refused());
  EXPECT_TRUE(Config("head", {"--device-batch-size=32"}, Stage::kRl).refused());

  EXPECT_EQ(*Config("head", {}, Stage::kChatEval).device_batch_size, 8);
  EXPECT_EQ(*Config("head", {}, Stage::kBaseEval).device_batch_size, 32);
  EXPECT_EQ(*Config("oct2025", {}, Stage::kBaseEval).eval_tokens, 10485760);
}

TEST(Resolve, ImpossibleValuesAreUsageErrors) {
  for (const std::string flag :
       {"--depth=0", "--depth=-4", "--depth=999999999", "--max-seq-len=0", "--window-pattern=SX",
        "--window-pattern=", "--device-batch-size=0", "--world-size=0", "--head-dim=0",
        "--aspect-ratio=9999999999"}) {
    const std::vector<std::string> arguments = {flag};
    const auto run = Resolve(*ParseFlags(arguments), HeadRevision(), Stage::kBase);
    ASSERT_FALSE(run) << flag;
    EXPECT_EQ(run.error().kind, ErrorKind::kUsage);
  }
}

RC_GTEST_PROP(Resolve, AnyConfigurationResolves, ()) {
  const auto families = Families();
  const Family& family = families[*rc::gen::inRange<size_t>(0, families.size())];
  Flags flags;
  flags.depth = *rc::gen::inRange(1, 64);
  flags.device_batch_size = *rc::gen::inRange(1, 1 << 20);
  flags.max_seq_len = *rc::gen::inRange(1, 1 << 16);
  flags.world_size = *rc::gen::inRange(1, 1 << 10);
  flags.total_batch_size = *rc::gen::arbitrary<int64_t>();
  flags.eval_tokens = *rc::gen::arbitrary<int64_t>();
  const Stage stage = *rc::gen::element(Stage::kBase, Stage::kMid, Stage::kSft, Stage::kRl,
                                        Stage::kBaseEval, Stage::kChatEval);
  const auto run = Resolve(flags, *FindRevision(family.name), stage);
  if (!run) return;
  RC_ASSERT(run->grad_accum_steps >= 1);
  RC_ASSERT(run->model.n_head >= 1);
  if (!run->refused() && *run->total_batch_size > 0) {
    RC_ASSERT(*run->total_batch_size == run->grad_accum_steps * *run->device_batch_size *
                                            *run->max_seq_len * *run->world_size);
  }
}

// What people's runs printed.
TEST(Resolve, ParameterCountsOfMeasuredRuns) {
  const char* data = std::getenv("VRAMCAST_DATA");
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  const auto shared = data == nullptr ? root / ".." / "shared" : std::filesystem::path(data);
  std::ifstream file(shared / "measured-runs" / "nanochat.jsonl");
  if (!file) GTEST_SKIP() << "no measured runs here";
  int checked = 0;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json run = nlohmann::json::parse(line);
    if (run["n_params"].is_null() || run["revision"].is_null() || run["tier"] == "C") continue;
    Flags flags;
    flags.depth = run["depth"].get<int64_t>();
    flags.vocab_size = run["vocab_size"].get<int64_t>();
    flags.head_dim = run["head_dim"].get<int64_t>();
    const auto revision = FindRevision(run["revision"].get<std::string>());
    ASSERT_TRUE(revision);
    const auto config = Resolve(flags, *revision, Stage::kBase);
    ASSERT_TRUE(config);
    EXPECT_EQ(CountParameters(*config->revision.family, config->model).total(),
              run["n_params"].get<int64_t>())
        << run["id"];
    ++checked;
  }
  EXPECT_GT(checked, 20);
}

}  // namespace
}  // namespace vramcast::nanochat
