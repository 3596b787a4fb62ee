// `vramcast fix --patch` from outside, on a made-up checkout: what it shows can be applied, what it
// writes can be undone, and what it does not know it leaves alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "binary.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

namespace fs = std::filesystem;

// Statements where nanochat's model has them; the rest is nobody's.
constexpr char kModel[] =
    "import torch\n"
    "\n"
    "class GPT:\n"
    "    def forward(self, idx, targets=None, kv_cache=None, loss_reduction='mean'):\n"
    "        for i, block in enumerate(self.blocks):\n"
    "            x = self.resid_lambdas[i] * x\n"
    "            ve = self.value_embeds[i]\n"
    "            x = block(x, ve, rotary, kv_cache)  # one after the other\n"
    "        return x\n";

class FixPatch : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(fs::path(folder_.path()) / "nanochat");
    fs::create_directories(fs::path(folder_.path()) / ".git");
    model_ = folder_.Write("nanochat/gpt.py", kModel);
    // The newest revision that is known.
    const auto head = Run({"--patch", "list", "--revision", "head", "--json"});
    folder_.Write(".git/HEAD", head.Json()["revision"].get<std::string>() + "\n");
  }

  Outcome Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "fix");
    Options options;
    options.environment = {{"HOME", folder_.path()}, {"NANOCHAT_BASE_DIR", folder_.path()}};
    options.directory = folder_.path();
    return RunVramcast(arguments, options);
  }
  Outcome Allowed(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--allow", "modified-checkout,unproven-patch"});
    return Run(std::move(arguments));
  }

  ScratchFolder folder_;
  std::string model_;
};

TEST_F(FixPatch, ShowsADifferenceAndWritesNothing) {
  const Outcome outcome = Allowed({"--patch", "checkpoint"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("--- a/nanochat/gpt.py\n+++ b/nanochat/gpt.py\n@@ -1,"));
  EXPECT_THAT(outcome.out, HasSubstr("\n-            x = block(x, ve, rotary, kv_cache)  # one"));
  EXPECT_THAT(outcome.out,
              HasSubstr("\n+                x = compute_again(layer, x, use_reentrant=False)"));
  EXPECT_THAT(outcome.err, HasSubstr("Nothing was written"));
  EXPECT_EQ(ReadFile(model_), kModel);
}

TEST_F(FixPatch, WritesInPlaceAndKeepsTheOriginal) {
  const Outcome outcome = Allowed({"--patch", "checkpoint-every-2", "--in-place", "."});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(ReadFile(model_ + ".orig"), kModel);
  EXPECT_THAT(ReadFile(model_), HasSubstr("block.attn.layer_idx % 2 == 0"));
  // A second time the original would be lost, and the statement is no longer what it was.
  EXPECT_EQ(Allowed({"--patch", "checkpoint", "--in-place", "."}).code, 2);
  EXPECT_EQ(ReadFile(model_ + ".orig"), kModel);
}

TEST_F(FixPatch, AnOriginalThatIsThereIsNeverOverwritten) {
  folder_.Write("nanochat/gpt.py.orig", "mine");
  const Outcome outcome = Allowed({"--patch", "checkpoint", "--in-place", "."});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("gpt.py.orig is there already"));
  EXPECT_EQ(ReadFile(model_), kModel);
  EXPECT_EQ(ReadFile(model_ + ".orig"), "mine");
}

TEST_F(FixPatch, AModifiedFileIsRefused) {
  const Outcome outcome =
      Run({"--patch", "checkpoint", "--in-place", ".", "--allow", "unproven-patch"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("nanochat/gpt.py is not that of nanochat"));
  EXPECT_THAT(outcome.err, HasSubstr("--allow modified-checkout"));
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_EQ(ReadFile(model_), kModel);
  EXPECT_FALSE(fs::exists(model_ + ".orig"));
}

TEST_F(FixPatch, AStatementThatDiffersIsRefusedWhateverIsAllowed) {
  std::string twice(kModel);
  twice.insert(twice.find("        return x"), "            x = block(x, again)\n");
  folder_.Write("nanochat/gpt.py", twice);
  const Outcome outcome = Allowed({"--patch", "checkpoint", "--in-place", "."});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("nanochat/gpt.py has 2 statements"));
  EXPECT_EQ(ReadFile(model_), twice);
}

TEST_F(FixPatch, NothingOfSeveralFilesIsWrittenUnlessAllCanBe) {
  // The optimizer is not there, so the model stays as it is as well.
  const Outcome outcome = Run({"--patch", "checkpoint,bf16-states", "--in-place", ".", "--allow",
                               "modified-checkout,unproven-patch,changed-training"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(ReadFile(model_), kModel);
}

TEST_F(FixPatch, AnUnknownNameSuggestsTheNearest) {
  const Outcome outcome = Run({"--patch", "chekpoint"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean checkpoint?"));
}

TEST_F(FixPatch, WithoutACheckoutItSaysHowToNameOne) {
  fs::remove_all(fs::path(folder_.path()) / "nanochat");
  const Outcome outcome = Run({"--patch", "checkpoint"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("--checkout DIR"));
}

TEST_F(FixPatch, JsonHasTheDifference) {
  const Outcome outcome = Allowed({"--patch", "checkpoint", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const nlohmann::json answer = outcome.Json();
  EXPECT_EQ(answer["schema"], "vramcast.patch");
  EXPECT_EQ(answer["written"], false);
  EXPECT_EQ(answer["changes_training"], false);
  EXPECT_EQ(answer["files"], nlohmann::json::array({"nanochat/gpt.py"}));
  EXPECT_THAT(answer["difference"].get<std::string>(), StartsWith("--- a/"));
}

TEST_F(FixPatch, TheListSaysWhatEachWouldSave) {
  const Outcome outcome =
      Run({"--patch", "list", "--gpu", "RTX 3090", "--revision", "head", "--json", "--", "python",
           "-m", "scripts.base_train", "--depth=12", "--device-batch-size=32"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const nlohmann::json changes = outcome.Json()["code_changes"];
  ASSERT_FALSE(changes.empty());
  for (const nlohmann::json& change : changes) {
    EXPECT_GT(change["saved_bytes"], 0);
    EXPECT_EQ(change["command"].is_null(), !change["proven"].get<bool>());
    EXPECT_EQ(change["saved_bytes"].get<int64_t>(),
              outcome.Json()["forecast"]["peak"]["allocated_bytes"].get<int64_t>() -
                  change["forecast"]["peak"]["allocated_bytes"].get<int64_t>());
  }
}

TEST_F(FixPatch, ACommandThatDoesNotFitIsToldOfThem) {
  const Outcome outcome = Run({"--gpu", "RTX 3090", "--revision", "oct2025", "--", "python", "-m",
                               "scripts.base_train", "--depth=20", "--device_batch_size=32"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("vramcast fix --patch checkpoint"));
}

TEST_F(FixPatch, ItsFlagsAloneAreAMistake) {
  EXPECT_EQ(Run({"--checkout", ".", "--", "python", "-m", "scripts.base_train"}).code, 2);
  EXPECT_EQ(Run({"--patch", "checkpoint", "--in-place", ".", "--checkout", "."}).code, 2);
  EXPECT_EQ(Run({"--patch", "checkpoint", "--allow", "anything"}).code, 2);
}

}  // namespace
}  // namespace vramcast::tests
