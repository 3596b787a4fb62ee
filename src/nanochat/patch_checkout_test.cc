#include "nanochat/patch_checkout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace vramcast::nanochat {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

namespace fs = std::filesystem;

// Programs of the shape that nanochat's have, by era: the statements that patches look for, and
// little else.
constexpr std::string_view kModelOfOctober =
    "import torch\n"
    "import torch.nn.functional as F\n"
    "\n"
    "class GPT:\n"
    "    def forward(self, idx, targets=None, kv_cache=None, loss_reduction='mean'):\n"
    "        x = self.start(idx)\n"
    "        for block in self.blocks:\n"
    "            x = block(x, rotary, kv_cache)\n"
    "        softcap = 15\n"
    "        if targets is not None:\n"
    "            logits = self.lm_head(x)\n"
    "            logits = softcap * torch.tanh(logits / softcap)  # cap\n"
    "            logits = logits.float()\n"
    "            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), "
    "ignore_index=-1, reduction=loss_reduction)\n"
    "            return loss\n"
    "        logits = self.lm_head(x)\n"
    "        return logits\n";
constexpr std::string_view kModelOfToday =
    "import torch\n"
    "import torch.nn.functional as F\n"
    "\n"
    "class GPT:\n"
    "    def forward(self, idx, targets=None, kv_cache=None, loss_reduction='mean'):\n"
    "        for i, block in enumerate(self.blocks):\n"
    "            x = self.resid_lambdas[i] * x + more\n"
    "            ve = self.value_embeds[i](idx) if deep else None\n"
    "            x = block(x, extra, rotary, self.windows[i], kv_cache)\n"
    "        softcap = 15\n"
    "        logits = self.lm_head(x) # large\n"
    "        logits = logits[..., :self.config.vocab_size]\n"
    "        logits = logits.float()\n"
    "        logits = softcap * torch.tanh(logits / softcap)\n"
    "        if targets is not None:\n"
    "            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), "
    "ignore_index=-1, reduction=loss_reduction)\n"
    "            return loss\n"
    "        else:\n"
    "            return logits\n";

class PatchCheckoutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    checkout_.root = fs::temp_directory_path() /
                     ("vramcast-patch-" + std::to_string(getpid()) + "-" +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(checkout_.root);
    fs::create_directories(checkout_.root / "nanochat");
  }
  void TearDown() override { fs::remove_all(checkout_.root); }

  void Be(std::string_view revision, std::string_view model) {
    checkout_.revision = *FindRevision(revision);
    std::ofstream(checkout_.root / "nanochat" / "gpt.py", std::ios::binary) << model;
  }
  Result<std::vector<PatchedFile>> Patch(std::string_view names, bool modified = false,
                                         bool unproven = true) {
    return PatchCheckout(checkout_, *ParsePatches(names), {modified, unproven});
  }

  Checkout checkout_;
};

TEST_F(PatchCheckoutTest, CheckpointingWrapsTheBlocks) {
  Be("oct2025", kModelOfOctober);
  const auto files = Patch("checkpoint");
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_THAT(*files, SizeIs(1));
  EXPECT_EQ(files->front().path, "nanochat/gpt.py");
  EXPECT_EQ(files->front().before, kModelOfOctober);
  EXPECT_THAT(files->front().after,
              HasSubstr("                x = compute_again(block, x, rotary, kv_cache, "
                        "use_reentrant=False)\n"
                        "            else:\n"
                        "                x = block(x, rotary, kv_cache)\n"
                        "        softcap"));
  EXPECT_THAT(files->front().after, HasSubstr("import checkpoint as compute_again\n"));
}

TEST_F(PatchCheckoutTest, WhatIsComputedBetweenBlocksMovesWithThem) {
  Be("head", kModelOfToday);
  EXPECT_THAT(
      Patch("checkpoint")->front().after,
      HasSubstr("            def layer(x, i=i, block=block):\n"
                "                x = self.resid_lambdas[i] * x + more\n"
                "                ve = self.value_embeds[i](idx) if deep else None\n"
                "                return block(x, extra, rotary, self.windows[i], kv_cache)\n"
                "            if torch.is_grad_enabled():\n"
                "                x = compute_again(layer, x, use_reentrant=False)\n"
                "            else:\n"
                "                x = layer(x)\n"));
}

TEST_F(PatchCheckoutTest, EveryNthBlockIsChosenByItsNumber) {
  Be("head", kModelOfToday);
  EXPECT_THAT(Patch("checkpoint-every-3")->front().after,
              HasSubstr("if torch.is_grad_enabled() and block.attn.layer_idx % 3 == 0:\n"));
  EXPECT_THAT(Patch("checkpoint")->front().after, Not(HasSubstr("layer_idx")));
}

TEST_F(PatchCheckoutTest, AChunkedLossMovesTheUsersOwnLines) {
  Be("oct2025", kModelOfOctober);
  EXPECT_THAT(Patch("chunked-loss")->front().after,
              HasSubstr("            def logits_of(x):\n"
                        "                logits = self.lm_head(x)\n"
                        "                logits = softcap * torch.tanh(logits / softcap)  # cap\n"
                        "                logits = logits.float()\n"
                        "                return logits\n"
                        "            def losses_of(x, targets):\n"));
  Be("head", kModelOfToday);
  const std::string after = Patch("chunked-loss")->front().after;
  EXPECT_THAT(after, HasSubstr("        def logits_of(x):\n"
                               "            logits = self.lm_head(x) # large\n"));
  EXPECT_THAT(after, HasSubstr("        else:\n            return logits_of(x)\n"));
}

TEST_F(PatchCheckoutTest, SeveralChangesOfAFileShareWhatTheyNeed) {
  Be("head", kModelOfToday);
  const auto files = Patch("checkpoint,chunked-loss");
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_THAT(*files, SizeIs(1));
  const std::string& after = files->front().after;
  const size_t first = after.find("import checkpoint as");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(after.find("import checkpoint as", first + 1), std::string::npos);
}

TEST_F(PatchCheckoutTest, WhatIsPatchedIsNotPatchedAgain) {
  Be("head", kModelOfToday);
  const std::string after = Patch("checkpoint")->front().after;
  Be("head", after);
  EXPECT_FALSE(Patch("checkpoint"));
}

TEST_F(PatchCheckoutTest, AFileOfOnesOwnIsRefusedUnlessThatIsAllowed) {
  Be("head", kModelOfToday);
  checkout_.modified = {"nanochat/gpt.py"};
  const auto refused = Patch("checkpoint");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(refused.error().message, HasSubstr("nanochat/gpt.py is not that of nanochat"));
  EXPECT_TRUE(Patch("checkpoint", true));
  // Another file of one's own does not matter.
  checkout_.modified = {"nanochat/optim.py"};
  EXPECT_TRUE(Patch("checkpoint"));
}

TEST_F(PatchCheckoutTest, AFileThatIsNotThereIsSaid) {
  Be("head", kModelOfToday);
  fs::remove(checkout_.root / "nanochat" / "gpt.py");
  EXPECT_EQ(Patch("checkpoint").error().kind, ErrorKind::kUnreadable);
}

TEST(CodePatches, NamesAreUnderstood) {
  EXPECT_EQ((*ParsePatches("checkpoint-every-2, bf16-states"))[0].name(), "checkpoint-every-2");
  EXPECT_EQ((*ParsePatches("checkpoint-every-1"))[0].name(), "checkpoint");
  EXPECT_THAT(ParsePatches("checkpont").error().message, HasSubstr("did you mean checkpoint?"));
  EXPECT_FALSE(ParsePatches(""));
  EXPECT_FALSE(ParsePatches("checkpoint-every-0"));
  EXPECT_FALSE(ParsePatches("checkpoint-every-x"));
  EXPECT_FALSE(ParsePatches("checkpoint,checkpoint-every-2"));
}

TEST(CodePatches, OnlyBf16StatesChangeTraining) {
  for (const CodeChangeInfo& info : CodeChanges()) {
    EXPECT_EQ(info.consequence.empty(), info.change != CodeChange::kBf16States) << info.name;
    EXPECT_EQ(&InfoOf(info.change), &info);
  }
}

}  // namespace
}  // namespace vramcast::nanochat
