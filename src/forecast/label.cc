#include "forecast/label.h"

namespace vramcast::forecast {
namespace {

using enum Category;

constexpr std::array<LabelInfo, kWhatCount> kTable = {{
    {kParameters, "parameters", "4 each in fp32, 2 in bf16 (embeddings)"},
    {kParameters, "rotary tables", "2 x 10 T x head_dim / 2 x e"},
    {kParameters, "initialisation temporaries", "fp32 originals and rotary intermediates"},
    {kParameters, "checkpoint on the device", "a second copy while it is read"},
    {kOther, "token batches", "B T x (bytes of input id + 8)"},
    {kOther, "scalars and tables", "512 each, token bytes 4 V"},
    {kWorkspace, "cuBLAS workspaces", "one per handle: 32 MiB on sm_90, else 8.125 MiB"},
    {kActivations, "residual stream", "e B T C"},
    {kActivations, "normalised inputs", "e B T C, two a layer"},
    {kActivations, "norm statistics", "4 B T a norm, 4 B T H for queries and keys"},
    {kActivations, "bf16 copies of block weights", "2 x 12 C C a layer"},
    {kActivations, "values", "e B T C a layer"},
    {kActivations, "queries and keys", "e B T C, four a layer"},
    {kActivations, "values with value embedding", "e B T C a layer that has one"},
    {kActivations, "value gates", "e B T H"},
    {kActivations, "smear", "e B (T - 1) x 25"},
    {kActivations, "attention mask", "e T T, one for all windows"},
    {kActivations, "attention outputs", "e B T C a layer"},
    {kActivations, "attention scores", "B H T T, kept without a fused kernel"},
    {kActivations, "log-sum-exp of attention", "4 B H T a layer"},
    {kActivations, "attention projections", "e B T C a layer"},
    {kActivations, "MLP hidden", "4 e B T C a layer"},
    {kActivations, "MLP activated", "4 e B T C a layer"},
    {kActivations, "MLP outputs", "e B T C a layer"},
    {kActivations, "fp8 copies", "B T C or C C, one byte each"},
    {kActivations, "temporaries of eager layers", "per operation"},
    {kActivations, "copy of the head's weight", "2 V C"},
    {kLogits, "logits", "e B T V"},
    {kLogits, "logits in fp32", "4 per token and vocabulary entry"},
    {kOther, "loss statistics", "4 B T each"},
    {kLogits, "gradient of logits", "written over the logits where the dtype allows"},
    {kActivations, "gradients of activations", "e B T C each"},
    {kActivations, "workspace of attention's backward", "4 B T C for flash"},
    {kGradients, "bf16 gradients before the cast", "2 per element of the largest weights"},
    {kGradients, "fp32 accumulator of embedding gradients", "4 V C"},
    {kGradients, "gradients", "as the parameters"},
    {kOptimizer, "AdamW moments", "2 x (as the parameter) / W"},
    {kOptimizer, "Muon momentum", "as the matrices, padded, / W"},
    {kOptimizer, "Muon second moments", "one value a row or column"},
    {kOptimizer, "stacked gradients", "as the matrices of one shape"},
    {kOptimizer, "stacked parameters", "as the matrices of one shape"},
    {kOptimizer, "orthogonalisation", "bf16 copies of one stack"},
    {kOptimizer, "temporaries of updates", "per tensor"},
    {kOptimizer, "gradient norms", "512 a tensor"},
    {kCommunication, "stacked gradients of reduce-scatter", "as the matrices, padded to W"},
    {kCommunication, "gradient shards", "as the matrices and embeddings / W"},
    {kCommunication, "updated shards", "as the matrices / W"},
    {kCommunication, "gather buffers", "as the matrices, padded to W"},
    {kCommunication, "padding buffers", "one of each shape"},
    {kOther, "KV cache", "2 e L B T C"},
    {kActivations, "activations of inference", "per operation"},
}};

}  // namespace

const LabelInfo& InfoOf(What what) { return kTable[static_cast<size_t>(what)]; }

Labels::Labels(TraceBuilder* builder) {
  for (size_t i = 0; i < kWhatCount; ++i) {
    ids_[i] = builder->Intern(kTable[i].category, kTable[i].name);
  }
}

}  // namespace vramcast::forecast
