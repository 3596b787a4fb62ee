// Formulas that people use instead, in our own words, for the comparison in docs/accuracy.md. Each
// is given what it asks for, and the exact number of parameters, which most of them only estimate.
// What they say of peak allocated memory, in bytes; parts outside PyTorch are left out.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vramcast::bench {

// A training run as these formulas see it.
struct Training {
  double parameters = 0, largest_layer = 0;  // elements
  double layers = 0, width = 0, heads = 0, hidden = 0;
  double vocabulary = 0, batch = 0, length = 0, ranks = 1;
  bool wide_weights = true;  // fp32 weights and gradients (autocast), else 16 bits
  bool narrow = true;        // 16-bit activations
  bool gated = false;        // an MLP of three matrices
  bool tied = false;         // embedding and head are one matrix
  bool dropout = false;
  bool checkpointing = false;
  bool sharded = true;            // states and gradients over the ranks (ZeRO 2)
  double states_a_parameter = 2;  // of the optimizer: 2 for Adam, 1 for momentum, 0 for SGD
};

// torch-preflight 0.4, vram/costmodel.py: fused attention, 32 bytes (36 with dropout) a token,
// channel and layer, 14 bytes a logit, states in fp32, a copy of the weights under autocast.
inline double TorchPreflight(const Training& t) {
  const double shard = t.sharded ? t.ranks : 1;
  const double weight = t.wide_weights ? 4 : 2;
  const double scale = t.narrow ? 1 : 2;
  const double token_width = t.batch * t.length * t.width;
  const double linear = (t.dropout ? 36 : 32) * token_width;
  const double activations =
      t.checkpointing ? 2 * token_width * t.layers + linear : linear * t.layers;
  const double cast = t.wide_weights && t.narrow ? 2 : 0;
  return t.parameters * (weight + cast) + t.parameters * weight / shard +
         t.parameters * 4 * t.states_a_parameter / shard + activations * scale +
         14 * t.batch * t.length * t.vocabulary;
}

// DeepSpeed's estimate_zero2_model_states_mem_needs without offload: 4 bytes a parameter, and 16
// over the ranks. It speaks of model states only, and is used as if that were all.
inline double DeepSpeedZero2(const Training& t) {
  return t.parameters * (4 + 16 / (t.sharded ? t.ranks : 1));
}

// DeepSpeed's estimate_zero3_model_states_mem_needs: the largest layer, and 18 over the ranks.
inline double DeepSpeedZero3(const Training& t) {
  return 4 * t.largest_layer + t.parameters * 18 / (t.sharded ? t.ranks : 1);
}

// EleutherAI's cookbook, calc/calc_transformer_mem.py: mixed precision with ZeRO 2, its bucket of
// 5e8 elements on several ranks, activations with the scores of attention.
inline double Eleuther(const Training& t) {
  const double ranks = t.sharded ? t.ranks : 1;
  const double low = t.narrow ? 2 : 4;
  const double token_width = t.batch * t.length * t.width;
  const double scores = (2 * low + 1) * t.heads * t.length / t.width;
  const double linear = 16 * low + 2;
  const double activations = token_width * t.layers * (linear + (t.checkpointing ? 0 : scores));
  const double bucket = ranks > 1 ? 5e8 * low : 0;
  return t.parameters * (low + 4 / ranks + 12 / ranks) + bucket + activations;
}

// Megatron-LM, training/theoretical_memory_usage.py: 18 bytes a parameter (6 + 12 over the ranks
// with its distributed optimizer); attention recomputed, 18 + 4 hidden / width bytes a token,
// channel and layer, and the head with its loss.
inline double Megatron(const Training& t) {
  const double token_width = t.batch * t.length * t.width;
  const double layers = token_width * (18 + 4 * t.hidden / t.width) * t.layers;
  const double ends =
      8 * t.batch * t.length + token_width + 4 * token_width * (1 + t.vocabulary / t.width);
  const double each = t.sharded && t.ranks > 1 ? 6 + 12 / t.ranks : 18;
  return t.parameters * each + layers + ends;
}

struct Formula {
  std::string_view name;
  double (*bytes)(const Training&);
};
inline constexpr std::array<Formula, 5> kFormulas = {{
    {"torch-preflight 0.4", TorchPreflight},
    {"DeepSpeed, ZeRO 2", DeepSpeedZero2},
    {"DeepSpeed, ZeRO 3", DeepSpeedZero3},
    {"EleutherAI", Eleuther},
    {"Megatron-LM", Megatron},
}};

}  // namespace vramcast::bench
