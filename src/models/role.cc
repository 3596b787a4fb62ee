#include "models/role.h"

#include <array>

namespace vramcast::models {
namespace {

constexpr std::array<RoleInfo, kRoleCount> kRoles = {{
    {Category::kParameters, "parameters", "P x e"},
    {Category::kCommunication, "gathered parameters", "P of a layer x e"},
    {Category::kParameters, "buffers of the model", ""},
    {Category::kOther, "temporaries of initialisation", ""},
    {Category::kOther, "token ids", "B x T x 8"},
    {Category::kOther, "small tensors", ""},
    {Category::kWorkspace, "cuBLAS workspaces", "one per handle and stream"},
    {Category::kActivations, "attention masks", "B x T x T"},
    {Category::kActivations, "rotary embeddings", "B x T x D x e"},
    {Category::kActivations, "residual stream", "B x T x C x e"},
    {Category::kActivations, "fp32 copies before norms", "B x T x C x 4"},
    {Category::kActivations, "normed activations", "B x T x C x e"},
    {Category::kActivations, "statistics of norms", "B x T x 4"},
    {Category::kActivations, "16-bit copies of the weights", "P of the matrices x 2"},
    {Category::kActivations, "16-bit copies of inputs", "B x T x C x 2"},
    {Category::kActivations, "queries, keys and values", "B x T x H x D x e"},
    {Category::kActivations, "rotated queries and keys", "B x T x H x D x e"},
    {Category::kActivations, "repeated keys and values", "B x T x H x D x e"},
    {Category::kActivations, "attention masks as numbers", "B x T x T x e"},
    {Category::kActivations, "attention scores", "B x H x T x T x e"},
    {Category::kActivations, "attention outputs", "B x T x H x D x e"},
    {Category::kActivations, "log-sum-exp of attention", "B x H x T x 4"},
    {Category::kActivations, "projections", "B x T x C x e"},
    {Category::kActivations, "MLP activations", "B x T x F x e"},
    {Category::kActivations, "dropout masks", "B x T x C"},
    {Category::kActivations, "LoRA activations", "B x T x rank x e"},
    {Category::kActivations, "temporaries of the forward pass", ""},
    {Category::kLogits, "logits", "B x T x V x e"},
    {Category::kLogits, "logits in fp32", "B x T x V x 4"},
    {Category::kLogits, "log-probabilities", "B x T x V x 4"},
    {Category::kOther, "loss and its labels", ""},
    {Category::kLogits, "gradient of the logits", "B x T x V x 4"},
    {Category::kActivations, "gradients of activations", ""},
    {Category::kWorkspace, "workspace of attention's backward", "B x H x T x D x 4"},
    {Category::kWorkspace, "buffers of reductions", "8 x B x T x C"},
    {Category::kGradients, "gradients", "P x e"},
    {Category::kGradients, "16-bit gradients before their cast", ""},
    {Category::kOptimizer, "fp32 master weights", "P x 4"},
    {Category::kOptimizer, "optimizer states", ""},
    {Category::kOptimizer, "temporaries of the update", ""},
    {Category::kCommunication, "gradient buckets", ""},
    {Category::kGradients, "gradient shards", "P x e / W"},
}};

}  // namespace

const RoleInfo& InfoOf(Role role) { return kRoles[static_cast<size_t>(role)]; }

}  // namespace vramcast::models
