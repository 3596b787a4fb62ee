#include "nanochat/code_patches.h"

#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace vramcast::nanochat {
namespace {

using enum EditPlace;

constexpr std::string_view kModel = "nanochat/gpt.py";
constexpr std::string_view kMuon = "nanochat/muon.py";
constexpr std::string_view kAdam = "nanochat/adamw.py";
constexpr std::string_view kOptimizer = "nanochat/optim.py";
constexpr std::string_view kNewest = "jul2026-optimizer";

constexpr char kBlocks[] = "for .*";
constexpr char kCall[] = R"(x = block\(x, (.+)\))";

SourceEdit ImportCheckpoint() {
  return {kModel,         "",     "",
          "import torch", kAfter, "from torch.utils.checkpoint import checkpoint as compute_again"};
}

// The block is called in one place. Without gradients nothing is kept anyway.
std::vector<SourceEdit> Checkpoint() {
  return {ImportCheckpoint(),
          {kModel, "GPT.forward", kBlocks, kCall, kReplace,
           "if torch.is_grad_enabled(){which blocks}:\n"
           "    # Keep only the block's input; the backward pass computes the rest again.\n"
           "    x = compute_again(block, x, \\1, use_reentrant=False)\n"
           "else:\n"
           "    x = block(x, \\1)"}};
}

// Where something is computed between two blocks, it has to be computed again with them: PyTorch's
// partitioner keeps the border of two stretches only if they touch (functorch/partitioners.py,
// cleanup_recompute_tags); else the backward pass begins with all blocks at once and nothing is
// won.
std::vector<SourceEdit> CheckpointScaled(bool value_embeddings) {
  constexpr std::string_view kScale = R"(x = self\.resid_lambdas\[i\] .+)";
  std::vector<SourceEdit> edits = {
      ImportCheckpoint(),
      {kModel, "GPT.forward", kBlocks, kScale, kBefore,
       "# Keep only the layer's input; the backward pass computes the rest again.\n"
       "def layer(x, i=i, block=block):"},
      {kModel, "GPT.forward", kBlocks, kScale, kIndent}};
  if (value_embeddings) {
    edits.push_back({kModel, "GPT.forward", kBlocks, R"(ve = self\.value_embeds.+)", kIndent});
  }
  edits.push_back({kModel, "GPT.forward", kBlocks, kCall, kReplace,
                   "    return block(x, \\1)\n"
                   "if torch.is_grad_enabled(){which blocks}:\n"
                   "    x = compute_again(layer, x, use_reentrant=False)\n"
                   "else:\n"
                   "    x = layer(x)"});
  return edits;
}

// What takes the place of the one cross entropy over all tokens: one for each part, whose logits
// are let go and computed again in the backward pass.
constexpr char kLossByParts[] =
    "def losses_of(x, targets):\n"
    "    logits = logits_of(x)\n"
    "    return F.cross_entropy(logits.view(-1, logits.size(-1)), targets, \\1, reduction='none')\n"
    "# An eighth of the tokens at a time: logits are the largest tensors of the step.\n"
    "parts = zip(x.flatten(0, 1).chunk(8), targets.flatten().chunk(8))\n"
    "losses = torch.cat([compute_again(losses_of, *part, use_reentrant=False) for part in parts])\n"
    "if loss_reduction == 'mean':\n"
    "    loss = losses.sum() / (targets != -1).sum()\n"
    "else:\n"
    "    loss = losses";
constexpr char kLoss[] =
    R"(loss = F\.cross_entropy\(logits\.view\(-1, logits\.size\(-1\)\), targets\.view\(-1\), )"
    R"((ignore_index=-1), reduction=loss_reduction\))";
constexpr char kTraining[] = "if targets is not None:";

constexpr char kHead[] = R"(logits = self\.lm_head\(x\))";
constexpr char kSlice[] = R"(logits = logits\[\.\.\., :self\.config\.vocab_size\])";
constexpr char kFloat[] = R"(logits = logits\.float\(\))";
constexpr char kSoftcap[] = R"(logits = softcap \* torch\.tanh\(logits / softcap\))";

// The statements that make logits move into a function, in the words that they have: `steps` after
// the head, in their order.
std::vector<SourceEdit> ChunkedLoss(std::string_view block,
                                    const std::vector<std::string_view>& steps) {
  std::vector<SourceEdit> edits = {ImportCheckpoint()};
  const auto add = [&](std::string_view find, EditPlace place, std::string put = {}) {
    edits.push_back({kModel, "GPT.forward", block, find, place, std::move(put)});
  };
  add(kHead, kBefore, "def logits_of(x):");
  add(kHead, kIndent);
  for (const std::string_view step : steps) add(step, kIndent);
  add(steps.back(), kAfter, "    return logits");
  edits.push_back({kModel, "GPT.forward", kTraining, kLoss, kReplace, kLossByParts});
  return edits;
}

// Head and soft cap stand in each branch, for training and for inference.
std::vector<SourceEdit> ChunkedLossInBranch(const std::vector<std::string_view>& steps) {
  return ChunkedLoss(kTraining, steps);
}

// They stand before the branch, so inference needs its logits from the function.
std::vector<SourceEdit> ChunkedLossBeforeBranch() {
  std::vector<SourceEdit> edits = ChunkedLoss("def forward.*", {kSlice, kFloat, kSoftcap});
  edits.push_back(
      {kModel, "GPT.forward", "else:", "return logits", kReplace, "return logits_of(x)"});
  return edits;
}

// Waiting for a collective's future leaves its tensors with the process group until a thread of its
// own finds the time; waiting for the work itself lets them go. A work has to be waited for where
// its future was, so only what made the future goes.
SourceEdit KeepWork(std::string_view file, std::string_view scope, std::string_view target,
                    int times = 1) {
  return {file, scope, "", target, kReplace, "\\1\\2", times};
}
constexpr char kFuture[] = R"((\w+ = )(dist\..+async_op=True\s*\))\.get_future\(\))";
constexpr char kAppended[] = R"((\w+\.append\()(dist\..+async_op=True\s*\))\.get_future\(\)\))";

SourceEdit WaitForAll(std::string_view file, std::string_view scope) {
  return {file,
          scope,
          "",
          R"(torch\.futures\.collect_all\((\w+)\)\.wait\(\))",
          kReplace,
          "for work in \\1:\n"
          "    work.wait()  # the work and not its future: that lets go of its tensors"};
}

std::vector<SourceEdit> ReleaseOneByOne() {
  return {KeepWork(kMuon, "DistMuon.step", kFuture, 2), WaitForAll(kMuon, "DistMuon.step")};
}

std::vector<SourceEdit> ReleaseStacks() {
  SourceEdit append = KeepWork(kAdam, "DistAdamW.step", kAppended, 3);
  append.put += ")";
  return {KeepWork(kMuon, "DistMuon.step", kFuture, 2), std::move(append),
          WaitForAll(kAdam, "DistAdamW.step")};
}

std::vector<SourceEdit> ReleaseOneOptimizer() {
  constexpr std::string_view kMethods = R"((Dist)?MuonAdamW\.(_reduce|_compute)_(adamw|muon))";
  return {KeepWork(kOptimizer, kMethods, kFuture, 5)};
}

// Moments are kept in bf16 and computed with in fp32, so that only what is kept is rounded.
std::vector<SourceEdit> Bf16Moments(std::string_view file, std::string_view scope, int times) {
  return {{file, scope, "", R"(state\[(.exp_avg(?:_sq)?.)\] = torch\.zeros_like\((\w+)\))",
           kReplace, "state[\\1] = torch.zeros_like(\\2, dtype=torch.bfloat16)", times}};
}

std::vector<SourceEdit> Bf16Momentum(std::string_view file, std::string_view scope, int times) {
  return {{file, scope, "",
           R"(state\["momentum_buffer"\] = torch\.zeros\((.+), dtype=dtype, device=device\))",
           kReplace,
           "state[\"momentum_buffer\"] = torch.zeros(\\1, dtype=torch.bfloat16, device=device)",
           times}};
}

std::vector<SourceEdit> Bf16MuonKernel(std::string_view file) {
  return {
      {file, "muon_step_fused", "", R"(momentum_buffer\.lerp_\(stacked_grads, (1 - momentum)\))",
       kReplace,
       "wide_momentum = torch.lerp(momentum_buffer.to(stacked_grads.dtype), stacked_grads, \\1)\n"
       "momentum_buffer.copy_(wide_momentum)"},
      {file, "muon_step_fused", "", R"(g = stacked_grads\.lerp_\(momentum_buffer, momentum\))",
       kReplace, "g = stacked_grads.lerp_(wide_momentum, momentum)"}};
}

std::vector<SourceEdit> Bf16AdamKernel(std::string_view file) {
  std::vector<SourceEdit> edits = {
      {file, "adamw_step_fused", "",
       R"((exp_avg|exp_avg_sq)\.lerp_\((grad(?:\.square\(\))?), (.+)\))", kReplace,
       "wide_\\1 = torch.lerp(\\1.to(p.dtype), \\2, \\3)\n"
       "\\1.copy_(wide_\\1)",
       2},
      {file, "adamw_step_fused", "", R"(denom = \(exp_avg_sq (.+)\)\.sqrt\(\) \+ eps_t)", kReplace,
       "denom = (wide_exp_avg_sq \\1).sqrt() + eps_t"},
      {file, "adamw_step_fused", "", R"(p\.add_\(exp_avg (.+)\))", kReplace,
       "p.add_(wide_exp_avg \\1)"}};
  return edits;
}

std::vector<SourceEdit> Join(std::vector<std::vector<SourceEdit>> parts) {
  std::vector<SourceEdit> all;
  for (std::vector<SourceEdit>& part : parts) {
    all.insert(all.end(), std::make_move_iterator(part.begin()),
               std::make_move_iterator(part.end()));
  }
  return all;
}

std::vector<SourceEdit> Bf16OneByOne() {
  constexpr std::string_view kSteps = R"((Dist)?Muon\.step)";
  return Join(
      {{{kMuon, kSteps, "", R"(state\["momentum_buffer"\] = torch\.zeros_like\(g\))", kReplace,
         "state[\"momentum_buffer\"] = torch.zeros_like(g, dtype=torch.bfloat16)", 2},
        {kMuon, kSteps, "", R"(buf\.lerp_\(g, (.+)\))", kReplace,
         "wide = buf.float().lerp_(g, \\1)\n"
         "buf.copy_(wide)",
         2},
        {kMuon, kSteps, "", R"(g = g\.lerp_\(buf, (.+)\) if (.+) else buf)", kReplace,
         "g = g.lerp_(wide, \\1) if \\2 else wide", 2}},
       Bf16Moments(kAdam, "DistAdamW.step", 2)});
}

}  // namespace

std::span<const PatchVariant> PatchVariants() {
  static const std::vector<PatchVariant> all = {
      {CodeChange::kCheckpoint, "oct2025", "jan2026-normuon", Proof::kPlain, Checkpoint()},
      {CodeChange::kCheckpoint, "jan2026-lambdas", "jan2026-sdpa", Proof::kNone,
       CheckpointScaled(false)},
      {CodeChange::kCheckpoint, "jan2026-ve", "mar2026-tuned", Proof::kNone,
       CheckpointScaled(true)},
      {CodeChange::kCheckpoint, "mar2026-smear", kNewest, Proof::kPlain, CheckpointScaled(true)},
      {CodeChange::kChunkedLoss, "oct2025", "nov2025-resume", Proof::kNone,
       ChunkedLossInBranch({kSoftcap, kFloat})},
      {CodeChange::kChunkedLoss, "dec2025-softcap", "dec2025-softcap", Proof::kNone,
       ChunkedLossInBranch({kFloat, kSoftcap})},
      {CodeChange::kChunkedLoss, "dec2025-padding", kNewest, Proof::kNone,
       ChunkedLossBeforeBranch()},
      {CodeChange::kReleaseStaging, "oct2025", "jan2026-dashes", Proof::kPlain, ReleaseOneByOne()},
      {CodeChange::kReleaseStaging, "jan2026-stacked", "jan2026-nobigram", Proof::kNone,
       ReleaseStacks()},
      {CodeChange::kReleaseStaging, "jan2026-muonadamw", "jul2026-fa3", Proof::kNone,
       ReleaseOneOptimizer()},
      {CodeChange::kReleaseStaging, kNewest, kNewest, Proof::kPlain, ReleaseOneOptimizer()},
      {CodeChange::kBf16States, "oct2025", "jan2026-dashes", Proof::kNone, Bf16OneByOne()},
      {CodeChange::kBf16States, "jan2026-stacked", "jan2026-stacked", Proof::kNone,
       Join({Bf16MuonKernel(kMuon), Bf16Momentum(kMuon, R"((Dist)?Muon\.step)", 2),
             Bf16Moments(kAdam, "DistAdamW.step", 2)})},
      {CodeChange::kBf16States, "jan2026-fused", "jan2026-nobigram", Proof::kNone,
       Join({Bf16MuonKernel(kMuon), Bf16Momentum(kMuon, R"((Dist)?Muon\.step)", 2),
             Bf16AdamKernel(kAdam), Bf16Moments(kAdam, "DistAdamW.step", 2)})},
      {CodeChange::kBf16States, "jan2026-muonadamw", "jul2026-muoneq", Proof::kNone,
       Join({Bf16MuonKernel(kOptimizer), Bf16AdamKernel(kOptimizer),
             Bf16Momentum(kOptimizer, R"((Dist)?MuonAdamW\.\w+)", 2),
             Bf16Moments(kOptimizer, R"((Dist)?MuonAdamW\.\w+)", 4)})},
      // Since then AdamW's kernel computes in fp32 whatever its moments are.
      {CodeChange::kBf16States, "jul2026-kvcache", "jul2026-fa3", Proof::kNone,
       Join({Bf16MuonKernel(kOptimizer), Bf16Momentum(kOptimizer, R"((Dist)?MuonAdamW\.\w+)", 2),
             Bf16Moments(kOptimizer, R"((Dist)?MuonAdamW\.\w+)", 4)})},
      {CodeChange::kBf16States, kNewest, kNewest, Proof::kNone,
       Join({Bf16MuonKernel(kOptimizer), Bf16Momentum(kOptimizer, R"(MuonAdamW\.\w+)", 1),
             Bf16Moments(kOptimizer, R"(MuonAdamW\.\w+)", 2)})},
  };
  return all;
}

}  // namespace vramcast::nanochat
