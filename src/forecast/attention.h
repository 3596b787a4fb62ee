// What attention allocates in training, by the kernel that runs it. Sizes as PyTorch 2.9's
// aten/src/ATen/native/transformers/cuda allocates them; Flash Attention 3 as its own interface.
#pragma once

#include <cstdint>
#include <vector>

#include "forecast/job.h"
#include "forecast/writer.h"

namespace vramcast::forecast {

// Kept from the forward pass for the backward pass.
struct AttentionSaved {
  AllocationId out;
  AllocationId log_sum_exp;
  AllocationId seed, offset;         // philox state, of flash in aten only
  std::vector<AllocationId> scores;  // of math only
};

// One bool or additive mask of seq x seq in the activation dtype. Inductor builds it once: all
// windows of nanochat have the same length.
int64_t MaskBytes(const Job& job);

// Into how many stretches of keys the memory-efficient kernel's backward pass splits its work to
// fill the card.
int64_t KeySplits(const Job& job);

AttentionSaved AttentionForward(const Job& job, int64_t layer, Writer* writer);

// Returns the gradients of queries, keys and values; frees what only the kernel needs.
std::vector<AllocationId> AttentionBackward(const Job& job, int64_t layer, Writer* writer);

}  // namespace vramcast::forecast
